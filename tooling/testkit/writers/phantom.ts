// Forges what a writer leaves that is killed after its commit frame is in the WAL and before the wal-index says so: a
// valid, chained commit behind the end that SQLite knows. `phantom DB SQL`: the commit is made on a private copy, and its
// frames are spliced in behind the live end. Nobody else may write meanwhile. The live database is never opened here.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

const [database = "", sql = ""] = process.argv.slice(2);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "litewake-phantom-"));
try {
  const copy = path.join(folder, "copy.db");
  fs.copyFileSync(database, copy);
  fs.copyFileSync(`${database}-wal`, `${copy}-wal`);
  const db = new DatabaseSync(copy);
  db.exec("pragma wal_autocheckpoint=0");
  const pageSize = Number(db.prepare("pragma page_size").get()?.["page_size"]);
  const end = () => {
    const frames = Number(db.prepare("pragma wal_checkpoint(NOOP)").get()?.["log"]);
    return WAL_HEADER_BYTES + frames * (FRAME_HEADER_BYTES + pageSize);
  };
  db.prepare("select count(*) from sqlite_schema").get();
  const from = end();
  db.exec(sql);
  const to = end();
  const forged = fs.readFileSync(`${copy}-wal`).subarray(0, to);
  db.close();
  const live = fs.openSync(`${database}-wal`, "r+");
  const before = Buffer.alloc(from);
  fs.readSync(live, before, 0, from, 0);
  if (to <= from || !before.equals(forged.subarray(0, from))) {
    throw new Error("the copy did not append behind the live end: was the WAL fully backfilled, or somebody writing?");
  }
  fs.writeSync(live, forged, from, to - from, from);
  fs.closeSync(live);
  process.stdout.write(
    `report ${JSON.stringify({ offset: from, frames: (to - from) / (FRAME_HEADER_BYTES + pageSize) })}\n`,
  );
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

// Looks at a database as a replicator would find it. Opens the file for reading only, before SQLite has it open here.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isAtLeast, MINIMUM_SQLITE } from "@litewake/core";
import { formatBytes } from "../cli/table.ts";
import { lineOf } from "../cli/exit-code.ts";
import { type Finding, Findings } from "./finding.ts";

const HEADER_BYTES = 100;
const BIG_WAL_BYTES = 256 << 20;

/** Never throws. */
export function examineDatabase(file: string): readonly Finding[] {
  const findings = new Findings(file);
  if (!fs.existsSync(file)) {
    const folder = path.dirname(file);
    if (fs.existsSync(folder))
      findings.add("warn", "database", "is not there yet; replication waits for it, or restore it first");
    else findings.add("fail", "database", `is not there, and neither is its folder ${folder}`);
    return findings.list;
  }
  try {
    examineHeader(readHeader(file), findings);
    examineFolder(file, findings);
    examineContent(file, findings);
  } catch (error) {
    findings.add("fail", "database", lineOf(error));
  }
  return findings.list;
}

function readHeader(file: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  const handle = fs.openSync(file, "r");
  try {
    return header.subarray(0, fs.readSync(handle, header, 0, HEADER_BYTES, 0));
  } finally {
    fs.closeSync(handle);
  }
}

/** SQLite file format, section 1.3: the header of page 1. */
function examineHeader(header: Buffer, findings: Findings): void {
  if (header.byteLength === 0) {
    findings.add("warn", "database", "is empty; there is nothing to ship until something is written");
    return;
  }
  if (header.toString("latin1", 0, 15) !== "SQLite format 3") {
    findings.add("fail", "database", "is no SQLite database, or it is encrypted as a whole");
    return;
  }
  const isWal = header[18] === 2 && header[19] === 2;
  if (isWal) findings.add("ok", "journal-mode", "is WAL");
  else
    findings.add(
      "warn",
      "journal-mode",
      "is not WAL; replicate switches it over, which the application notices by files -wal and -shm beside the database",
    );
  const version = header.readUInt32BE(96);
  const shown = `${Math.floor(version / 1e6)}.${Math.floor(version / 1000) % 1000}.${version % 1000}`;
  if (isAtLeast(shown, MINIMUM_SQLITE))
    findings.add("ok", "application-sqlite", `it was last written by SQLite ${shown}`);
  else
    findings.add(
      "warn",
      "application-sqlite",
      `it was last written by SQLite ${shown}; below ${MINIMUM_SQLITE} a write beside a checkpoint can corrupt it (the WAL-reset bug): update the application's SQLite`,
    );
}

function examineFolder(file: string, findings: Findings): void {
  const folder = path.dirname(file);
  try {
    fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK);
    fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK);
    findings.add("ok", "permissions", "the file and its folder can be read and written");
  } catch (error) {
    findings.add("fail", "permissions", `${lineOf(error)}: run Litewake as the application's user`);
  }
  const wal = fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (wal > BIG_WAL_BYTES)
    findings.add(
      "warn",
      "wal-size",
      `the WAL has ${formatBytes(wal)}: a reader that is never closed keeps it from being restarted`,
    );
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = bavail * bsize;
  const size = fs.statSync(file).size;
  if (free < size / 10)
    findings.add(
      "warn",
      "disk",
      `${formatBytes(free)} are free beside a database of ${formatBytes(size)}: a replica that does not answer makes the WAL grow`,
    );
  else findings.add("ok", "disk", `${formatBytes(size)}, with ${formatBytes(free)} free beside it`);
}

function examineContent(file: string, findings: Findings): void {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 1000 });
  try {
    const tables = db
      .prepare("select name from sqlite_schema where name in ('_litestream_seq', '_litestream_lock')")
      .all();
    if (tables.length > 0)
      findings.add("ok", "litestream", "Litestream's two tables are in it; Litewake needs none and leaves them alone");
    const pages = Number(db.prepare("pragma page_count").get()?.["page_count"]);
    const pageSize = Number(db.prepare("pragma page_size").get()?.["page_size"]);
    findings.add("ok", "pages", `${pages} pages of ${pageSize} bytes`);
  } finally {
    db.close();
  }
}

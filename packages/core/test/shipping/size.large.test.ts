// A database of more than 1 GiB: SQLite's lock byte lies in it, and nothing may hold it in memory whole.
import fs from "node:fs";
import { compareDatabases, memoryBackedDir, restoreWith } from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { restore } from "../../src/restore/restore.ts";
import { startReplicator } from "../fixtures/replica-run.ts";

const GIB = 2 ** 30;
const BLOB_BYTES = 8 << 20;

it("a database of more than 1 GiB is followed across the lock byte and comes back, by us and by Litestream", async () => {
  using folder = memoryBackedDir(5 * GIB);
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  // A WAL of this size is rotated under the write lock, for milliseconds: an application needs a busy timeout then.
  const db = new DatabaseSync(database, { timeout: 10_000 });
  db.exec(
    "pragma page_size=4096; pragma journal_mode=wal; pragma synchronous=off; create table blobs(id integer primary key, data blob)",
  );
  const insert = db.prepare("insert into blobs(data) values (?)");
  const blob = Buffer.alloc(BLOB_BYTES);
  const add = (count: number) => {
    for (let i = 0; i < count; i++) {
      // Different and compressible, so that the run is about size and not about noise.
      blob.fill(i % 251, 0, BLOB_BYTES);
      blob.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), (i * 4096) % BLOB_BYTES);
      insert.run(blob);
    }
  };
  add(100);
  await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
  // The rest arrives through the WAL, across the page of the lock byte.
  add(36);
  db.exec("delete from blobs where id % 5 = 0");
  await replicator.stop(120_000);
  db.close();
  expect(fs.statSync(database).size).toBeGreaterThan(GIB);
  const output = folder.join("restored.db");
  const client = await file.open({ url: `file://${replica}`, settings: {}, env: {} });
  await restore({ replicas: [{ name: "replica", client }], output });
  expect(compareDatabases(database, output)).toEqual([]);
  const theirs = folder.join("theirs.db");
  await restoreWith("0.3.13", replica, theirs);
  expect(fs.statSync(theirs).size).toBe(fs.statSync(output).size);
  expect(compareDatabases(output, theirs)).toEqual([]);
});

// The proof of the ledger fails where it must.
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import { verifyLedger } from "../src/ledger.ts";
import { chain, SCHEMA } from "../writers/contract.ts";

function ledger(folder: TempDir, rows: number): string {
  const file = folder.join("ledger.db");
  const db = new DatabaseSync(file);
  for (const sql of SCHEMA) db.exec(sql);
  let prev = "";
  for (let seq = 1; seq <= rows; seq++) {
    const payload = Buffer.from(`payload ${seq}`);
    const hash = chain(prev, seq, payload);
    db.prepare("insert into ledger values(?, ?, ?, ?)").run(seq, prev, payload, hash);
    prev = hash;
  }
  db.close();
  return file;
}

function changed(folder: TempDir, sql: string): string {
  const file = ledger(folder, 20);
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
  return file;
}

test("an unbroken ledger is proved to its last row", () => {
  using folder = tempDir();
  expect(verifyLedger(ledger(folder, 20))).toEqual({ ok: true, rows: 20, lastSeq: 20 });
});

test("a prefix is unbroken too", () => {
  using folder = tempDir();
  expect(verifyLedger(changed(folder, "delete from ledger where seq > 7"))).toEqual({ ok: true, rows: 7, lastSeq: 7 });
});

test.for([
  ["a missing row in the middle", "delete from ledger where seq = 9", "row 8 is followed by row 10"],
  ["a missing first row", "delete from ledger where seq = 1", "row 0 is followed by row 2"],
  ["a changed payload", "update ledger set payload = x'00' where seq = 5", "row 5: its hash does not fit its content"],
  ["a changed hash", "update ledger set hash = 'x' where seq = 5", "row 5: its hash does not fit its content"],
  ["a row of another history", "update ledger set prev = 'x' where seq = 5", "row 5: does not continue row 4"],
])("%s is found and named", ([, sql = "", firstBreak]) => {
  using folder = tempDir();
  expect(verifyLedger(changed(folder, sql))).toMatchObject({ ok: false, firstBreak });
});

test("rows that are only in the WAL count", () => {
  using folder = tempDir();
  const file = ledger(folder, 3);
  const db = new DatabaseSync(file);
  db.exec("pragma journal_mode=wal; pragma wal_autocheckpoint=0; delete from ledger where seq = 3");
  expect(verifyLedger(file)).toMatchObject({ ok: true, rows: 2 });
  db.close();
});

// The comparison of two databases sees what differs, and nothing else.
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { compareDatabases } from "../src/compare.ts";
import { tempDir } from "../src/temp-dir.ts";

const BASE = `create table t(id integer primary key, x); insert into t values(1, 'a'), (2, x'01ff'), (3, 1.5), (4, null);
  create table k(a text primary key, b) without rowid; insert into k values('z', 1), ('y', 9007199254740993);
  create index t_x on t(x); pragma user_version=5`;

function pair(firstSql: string, secondSql: string): string[] {
  using folder = tempDir();
  const files = [firstSql, secondSql].map((sql, i) => {
    const file = folder.join(`${i}.db`);
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
    return file;
  });
  return compareDatabases(files[0] ?? "", files[1] ?? "");
}

test("equal content is equal, whatever the order of pages and Litestream's own tables", () => {
  const other = `pragma journal_mode=wal; create table gone(x); ${BASE}; drop table gone;
    create table _litestream_seq(id integer primary key, seq); create index _litestream_i on _litestream_seq(seq)`;
  expect(pair(BASE, other)).toEqual([]);
});

test.for([
  ["a changed value", "update t set x = 'b' where id = 1", "table t: row 1 differs: (1, a) is not (1, b)"],
  [
    "a changed byte of a blob",
    "update t set x = x'01fe' where id = 2",
    "table t: row 2 differs: (2, <2 bytes>) is not (2, <2 bytes>)",
  ],
  ["a number in place of a text", "update t set x = 1 where id = 3", "table t: row 3 differs: (3, 1.5) is not (3, 1)"],
  ["a large integer off by one", "update k set b = b + 1 where a = 'y'", "9007199254740993"],
  ["a missing row", "delete from t where id = 4", "table t: the first has more than the second's 3 rows"],
  ["a row too many", "insert into t values(5, 5)", "table t: the second has more than the first's 4 rows"],
  ["a missing index", "drop index t_x", "index t_x: only in the first"],
  ["a new table", "create table u(x)", "table u: only in the second"],
  ["another column", "alter table t add column y", "table t: its SQL differs"],
  ["another user_version", "pragma user_version=6", "user_version: 5 is not 6"],
  ["another page size", "pragma page_size=512; vacuum", "page_size: 4096 is not 512"],
])("%s is seen", ([, sql = "", difference = ""]) => {
  expect(pair(BASE, `${BASE}; ${sql}`)).toEqual(expect.arrayContaining([expect.stringContaining(difference)]));
});

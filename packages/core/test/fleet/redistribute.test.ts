// Spreading rows over other shards: what must come through unchanged, and what is refused before anything is moved.
import fs from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { shardOf } from "../../src/fleet/hash.ts";
import { redistribute } from "../../src/fleet/reshard/redistribute.ts";
import type { Redistribution } from "../../src/fleet/reshard/table-plan.ts";

let folder: TempDir;
beforeEach(() => {
  folder = tempDir("redistribute");
});
afterEach(() => folder[Symbol.dispose]());

const file = (kind: string, n: number) => ({ name: `shard_${n}`, path: folder.join(`${kind}_${n}.db`) });

/** Runs SQL in every shard of an old fleet. */
function oldShards(count: number, sql: string): DatabaseSync[] {
  return Array.from({ length: count }, (_, n) => {
    const database = new DatabaseSync(file("old", n).path, { enableForeignKeyConstraints: false });
    database.exec(sql);
    return database;
  });
}

function spread(from: number, to: number, more: Partial<Redistribution>) {
  return redistribute({
    from: Array.from({ length: from }, (_, n) => file("old", n)),
    fromBits: 32,
    to: Array.from({ length: to }, (_, n) => file("new", n)),
    toBits: 32,
    keys: {},
    everywhere: [],
    ...more,
  });
}

/** Values of a query in each new shard. */
function inNew(count: number, sql: string): unknown[][] {
  return Array.from({ length: count }, (_, n) => {
    using database = new DatabaseSync(file("new", n).path, { readOnly: true });
    return database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row)[0]);
  });
}

const keyed = (
  shards: readonly DatabaseSync[],
  sql: string,
  rows: readonly (readonly [string, ...SQLInputValue[]])[],
) => {
  for (const row of rows) shards[shardOf(row[0], shards.length, 32)]?.prepare(sql).run(...row);
  for (const shard of shards) shard.close();
};

describe("rows that are spread", () => {
  const KEYS = Array.from({ length: 300 }, (_, n) => `schlüssel-${n}`);

  it.each([
    [8, 16],
    [8, 3],
    [3, 8],
    [1, 5],
    [5, 1],
  ])("are each in exactly their shard: %i to %i", (from, to) => {
    keyed(
      oldShards(from, "create table event(key text primary key, n integer) strict"),
      "insert into event values (?, ?)",
      KEYS.map((key, n) => [key, n]),
    );
    const [table] = spread(from, to, { keys: { event: "key" } });
    expect(table).toMatchObject({ table: "event", key: "key", rows: KEYS.length });
    const there = inNew(to, "select key from event");
    expect(new Set(there.flat())).toEqual(new Set(KEYS));
    expect(there.flat()).toHaveLength(KEYS.length);
    for (const [n, keys] of there.entries()) for (const key of keys) expect(shardOf(String(key), to, 32)).toBe(n);
  });

  it("keep every value: text that is no UTF-8, big integers, fractions, blobs, nothing", () => {
    const shards = oldShards(1, "create table t(key text, a, b)");
    const [shard] = shards;
    shard?.exec(`insert into t values ('text', cast(x'ff00fe' as text), 9007199254740993), ('numbers', 0.1, -9223372036854775808),
      ('one', 1, 1.0), ('blob', zeroblob(3), x'00ff'), ('null', null, ''), (cast(x'c328' as text), 'odd key', 0)`);
    const before = shard
      ?.prepare("select quote(key)||quote(a)||quote(b)||typeof(a)||typeof(b)||hex(a) as v from t")
      .all();
    shard?.close();
    spread(1, 4, { keys: { T: "KEY" } });
    const after = inNew(4, "select quote(key)||quote(a)||quote(b)||typeof(a)||typeof(b)||hex(a) as v from t").flat();
    expect(after).toHaveLength(6);
    expect(new Set(after)).toEqual(new Set(before?.map(({ v }) => v)));
  });

  it("bring along indexes, triggers, views, generated columns, sequences, tables without rowid, and the file's own numbers", () => {
    const shards = oldShards(
      2,
      `pragma page_size=8192; pragma user_version=42; pragma application_id=7;
       create table event(id integer primary key autoincrement, key text, size integer as (length(key)) stored);
       create table state(key text primary key, v) without rowid;
       create table version(n); insert into version values (3);
       create unique index by_key on event(key);
       create view keys as select key from event;
       create trigger no_more before delete on event begin select raise(abort, 'no'); end;
       create table _litestream_seq(id integer primary key, seq integer);`,
    );
    shards[0]?.exec(
      "insert into event(id, key) select 1000, 'x'; drop trigger no_more; delete from event; create trigger no_more before delete on event begin select raise(abort, 'no'); end",
    );
    keyed(
      shards,
      "insert into state values (?, 1)",
      KEYS.slice(0, 20).map((key) => [key]),
    );
    const tables = spread(2, 3, { keys: { event: "key", state: "key" }, everywhere: ["version"] });
    expect(tables.map(({ table, rows }) => [table, rows])).toEqual([
      ["event", 0],
      ["state", 20],
      ["version", 1],
    ]);
    for (let n = 0; n < 3; n++) {
      using database = new DatabaseSync(file("new", n).path);
      const names = database
        .prepare("select name from sqlite_schema where name not like 'sqlite%' order by name")
        .all();
      expect(names.map(({ name }) => name)).toEqual(["by_key", "event", "keys", "no_more", "state", "version"]);
      for (const [pragma, value] of [
        ["page_size", 8192],
        ["user_version", 42],
        ["application_id", 7],
        ["journal_mode", "wal"],
      ] as const)
        expect(database.prepare(`pragma ${pragma}`).get()?.[pragma]).toBe(value);
      database.exec("insert into event(key) values ('new')");
      expect(database.prepare("select id, size from event").get()).toMatchObject({ id: 1001, size: 3 });
    }
  });

  it("may have integers and blobs as keys, hashed in decimal and as they are", () => {
    const shards = oldShards(2, "create table t(key)");
    const put = (key: bigint | Uint8Array, bytes: string | Uint8Array) =>
      shards[shardOf(bytes, 2, 32)]?.prepare("insert into t values (?)").run(key);
    for (let n = -5; n < 20; n++) put(BigInt(n), String(n));
    put(new Uint8Array([0, 255]), new Uint8Array([0, 255]));
    for (const shard of shards) shard.close();
    spread(2, 3, { keys: { t: "key" } });
    for (const [n, keys] of inNew(3, "select key from t").entries())
      for (const key of keys) expect(shardOf(key instanceof Uint8Array ? key : String(key), 3, 32)).toBe(n);
  });

  it("come from a database in UTF-16 too", () => {
    keyed(
      oldShards(2, "pragma encoding='UTF-16le'; create table t(key text)"),
      "insert into t values (?)",
      KEYS.map((key) => [key]),
    );
    spread(2, 3, { keys: { t: "key" } });
    for (const [n, keys] of inNew(3, "select key from t").entries())
      for (const key of keys) expect(shardOf(String(key), 3, 32)).toBe(n);
  });

  it("leave out shards that were never begun", () => {
    const shards = oldShards(2, "create table t(key text)");
    keyed(
      shards,
      "insert into t values (?)",
      KEYS.filter((key) => shardOf(key, 2, 32) === 1).map((key) => [key]),
    );
    const { rows } = spread(2, 3, { from: [undefined, file("old", 1)], keys: { t: "key" } })[0] ?? {};
    expect(rows).toBe(inNew(3, "select key from t").flat().length);
  });
});

describe("what cannot be spread is refused", () => {
  const cases: Record<string, { sql: string; rows?: string; more?: Partial<Redistribution>; line: RegExp }> = {
    "a table of which nothing is said": {
      sql: "create table t(key); insert into t values ('a')",
      line: /^nothing says where the rows of t belong: name its key column in reshard: keys:/,
    },
    "a table that is not there": {
      sql: "create table t(key)",
      more: { keys: { u: "key" } },
      line: /^reshard: there is no table "u": there are t$/,
    },
    "a column that is not there": {
      sql: "create table t(key)",
      more: { keys: { t: "k" } },
      line: /^reshard: there is no column of t "k": there are key$/,
    },
    "a row that is not where its key belongs": {
      sql: "create table t(key); insert into t values ('a'),('b'),('c'),('d')",
      more: { keys: { t: "key" } },
      line: /^shard_0 holds the key "[abcd]" in t, which by the hash of key belongs to shard 1: check the key column/,
    },
    "a key that is nothing": {
      sql: "create table t(key); insert into t values (null)",
      more: { keys: { t: "key" } },
      line: /^shard_0: a row of t has null as its key/,
    },
    "a virtual table": {
      sql: "create virtual table f using fts5(x)",
      line: /^shard_0: f is a virtual table, whose rows cannot be spread/,
    },
    "a table that is not the same everywhere": {
      sql: "create table t(x); insert into t values (random())",
      more: { everywhere: ["t"] },
      line: /^t is not the same in shard_0 and shard_1, though it is to be everywhere/,
    },
    "nothing at all": { sql: "pragma user_version=1", line: /^no shard has any table/ },
  };
  it.each(Object.entries(cases))("%s", (_name, { sql, more, line }) => {
    for (const shard of oldShards(2, sql)) shard.close();
    expect(() => spread(2, 3, more ?? {})).toThrow(line);
  });

  it("shards that are not made alike", () => {
    for (const [n, shard] of oldShards(2, "create table t(key)").entries()) {
      if (n === 1) shard.exec("create index i on t(key)");
      shard.close();
    }
    expect(() => spread(2, 3, { keys: { t: "key" } })).toThrow(/^shard_1 and shard_0 are not made alike: i differs/);
  });

  it("numbers that are unique in one shard only", () => {
    const shards = oldShards(2, "create table t(id integer primary key, key text)");
    for (const [n, shard] of shards.entries()) {
      const key = Array.from({ length: 9 }, (_, i) => `k${i}`).find((one) => shardOf(one, 2, 32) === n) ?? "";
      shard.prepare("insert into t values (1, ?)").run(key);
      shard.close();
    }
    expect(() => spread(2, 1, { keys: { t: "key" } })).toThrow(
      /^rows of different shards cannot live together in shard_0, in t: UNIQUE constraint failed: t.id/,
    );
  });

  it("a row whose parent went to another shard", () => {
    const shards = oldShards(
      1,
      "create table parent(id integer primary key, key text); create table child(key text, parent references parent(id))",
    );
    shards[0]?.exec("insert into parent values (1, 'a')");
    for (let n = 0; n < 20; n++) shards[0]?.exec(`insert into child values ('c${n}', 1)`);
    shards[0]?.close();
    expect(() => spread(1, 4, { keys: { parent: "key", child: "key" } })).toThrow(
      /a row of child refers to one of parent that went to another shard/,
    );
  });
});

describe("a hostile database", () => {
  /** As somebody writes it who may write into the schema table. */
  function hostile(sql: string): void {
    const database = new DatabaseSync(file("old", 0).path);
    database.enableDefensive(false);
    database.exec("create table event(key text); insert into event values ('a'); pragma writable_schema=on");
    database.prepare("update sqlite_schema set sql = ? where name = 'event'").run(sql);
    database.close();
  }

  it("runs nothing that stands behind a statement of its schema, though SQLite finds it in order", () => {
    const evil = folder.join("evil.db");
    hostile(`CREATE TABLE event(key text); attach '${evil}' as evil; create table evil.t(a)`);
    {
      using database = new DatabaseSync(file("old", 0).path);
      expect(database.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
    }
    spread(1, 2, { keys: { event: "key" } });
    expect(fs.existsSync(evil)).toBe(false);
    expect(inNew(2, "select count(*) from event").flat()).toContain(1);
  });

  it("is refused where its schema is not as SQLite writes it, so that no virtual table is made", () => {
    hostile("create/**/table event(key text)");
    expect(() => spread(1, 2, { keys: { event: "key" } })).toThrow(
      /^shard_0: the schema of event is not as SQLite writes it: somebody has written/,
    );
  });
});

it("new shards are their user's alone, whatever the umask", () => {
  const umask = process.umask(0);
  try {
    const shards = oldShards(1, "create table event(key text)");
    shards[0]?.close();
    spread(1, 2, { keys: { event: "key" } });
  } finally {
    process.umask(umask);
  }
  for (const n of [0, 1]) expect(fs.statSync(file("new", n).path).mode & 0o777).toBe(0o600);
});

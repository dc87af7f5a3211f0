// Records a real database: the lives of its WAL, each with its commits, and the file between them.
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Random } from "../../../testkit/writers/random.ts";

export interface Life {
  readonly wal: Buffer;
  /** Byte offsets at which commits end, in order. */
  readonly commits: readonly number[];
  /** The database file once everything was written back. */
  readonly after: Buffer;
}

export interface History {
  /** The database file before the first life. */
  readonly base: Buffer;
  readonly lives: readonly Life[];
  readonly pageSize: number;
}

export interface HistoryOptions {
  readonly pageSize: number;
  /** Commits in each life of the WAL. */
  readonly lives: readonly number[];
  readonly autoVacuum?: "none" | "full" | "incremental";
  /** One transaction in each life is larger than the page cache: its frames reach the WAL before its commit. */
  readonly spills?: boolean;
}

/** `folder` is empty; the database in it is closed at the end. */
export function record(folder: string, options: HistoryOptions, random: Random): History {
  const { pageSize, autoVacuum = "none" } = options;
  const file = `${folder}/recorded.db`;
  const db = new DatabaseSync(file);
  db.exec(`pragma page_size=${pageSize}; pragma auto_vacuum=${autoVacuum}; pragma journal_mode=wal`);
  db.exec("pragma wal_autocheckpoint=0; create table t(id integer primary key, x blob); create index i on t(x)");
  db.exec("create table u(k text primary key, v) without rowid; insert into t(x) values (zeroblob(40)), (zeroblob(9))");
  db.exec("pragma wal_checkpoint(truncate)");
  const base = fs.readFileSync(file);
  const lives = options.lives.map((count): Life => {
    const commits: number[] = [];
    for (let n = 0; n < count; n++) {
      if (options.spills === true && n === 1) spill(db, random);
      else commit(db, random, options);
      commits.push(fs.statSync(`${file}-wal`).size);
    }
    const wal = fs.readFileSync(`${file}-wal`);
    db.exec("pragma wal_checkpoint(truncate)");
    return { wal, commits: [...new Set(commits)], after: fs.readFileSync(file) };
  });
  db.close();
  return { base, lives, pageSize };
}

function commit(db: DatabaseSync, random: Random, { pageSize, autoVacuum = "none" }: HistoryOptions): void {
  const blob = () => random.bytes(8 + random.below(Math.min(900, pageSize)));
  db.exec("begin");
  const insert = db.prepare("insert into t(x) values (?)");
  for (let n = random.below(3); n >= 0; n--) insert.run(blob());
  db.prepare("update t set x = ? where id % 4 = ?").run(blob(), random.below(4));
  db.prepare("insert or replace into u values (?, ?)").run(`k${random.below(5)}`, blob());
  // A database that shrinks, and grows again over what it lost.
  if (random.below(3) === 0) db.prepare("delete from t where id % 3 = ?").run(random.below(3));
  if (autoVacuum === "incremental" && random.below(2) === 0) db.exec("pragma incremental_vacuum(4)");
  db.exec("commit");
}

function spill(db: DatabaseSync, random: Random): void {
  db.exec("pragma cache_size=8; begin");
  const insert = db.prepare("insert into t(x) values (?)");
  for (let n = 0; n < 40; n++) insert.run(random.bytes(400));
  db.exec("update t set x = x || x'00' where id % 7 = 1; delete from t where id > 60; commit; pragma cache_size=200");
}

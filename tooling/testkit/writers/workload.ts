// A life in one database, the same for the same seed: inserts, updates, deletes, big blobs, schema changes, VACUUM, and
// one huge transaction if asked. `workload DB [--name value]...`; prints `step N KIND` after each committed step.
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { flags, say, stopRequest } from "./contract.ts";
import { type Random, seeded } from "./random.ts";

const [database = "", ...rest] = process.argv.slice(2);
const given = flags(rest);
const number = (name: string, fallback: number) => Number(given.get(name) ?? fallback);
const settings = {
  seed: number("seed", 1),
  steps: number("steps", 200),
  pageSize: number("page-size", 4096),
  autoVacuum: given.get("auto-vacuum") ?? "none",
  maxBlobBytes: number("max-blob-bytes", 1 << 20),
  hugeBytes: number("huge-bytes", 0),
  pauseMs: number("pause-ms", 0),
  busyTimeoutMs: number("busy-timeout-ms", 30_000),
  encoding: given.get("encoding") ?? "UTF-8",
  vacuum: given.get("vacuum") !== "never",
};

const stop = stopRequest();
const random = seeded(settings.seed);
const db = new DatabaseSync(database, { timeout: settings.busyTimeoutMs });
db.exec(`pragma page_size=${settings.pageSize}; pragma encoding='${settings.encoding}'; pragma auto_vacuum=${settings.autoVacuum};
  pragma journal_mode=wal; pragma synchronous=normal; pragma user_version=${1 + random.below(1000)}; pragma application_id=77;
  create table if not exists items(id integer primary key autoincrement, name text, qty integer, price real, data blob);
  create index if not exists items_by_name on items(name, qty);
  create table if not exists pairs(k text primary key, v any) without rowid;
  create trigger if not exists item_gone after delete on items begin insert or replace into pairs values('gone', old.id); end;
  create view if not exists dear as select * from items where price > 500`);

type Step = (r: Random, n: number) => void;

function inTransaction(work: () => void): void {
  db.exec("begin immediate");
  work();
  db.exec("commit");
}

const insert = (r: Random, bytes: number) =>
  db
    .prepare("insert into items(name, qty, price, data) values(?, ?, ?, ?)")
    .run(`näme ${r.below(1e6)}`, r.below(1e9), r.below(1e6) / 997, r.below(20) === 0 ? null : r.bytes(bytes));

const steps: Readonly<Record<string, readonly [weight: number, step: Step]>> = {
  insert: [30, (r) => inTransaction(() => void Array.from({ length: 1 + r.below(40) }, () => insert(r, r.below(300))))],
  single: [20, (r) => void insert(r, r.below(60))],
  update: [
    20,
    (r) =>
      void db
        .prepare("update items set qty = qty + 1, data = ? where id % 13 = ?")
        .run(r.bytes(r.below(400)), r.below(13)),
  ],
  delete: [8, (r) => void db.prepare("delete from items where id % 29 = ?").run(r.below(29))],
  pairs: [
    12,
    (r) => {
      const put = db.prepare("insert or replace into pairs values(?, ?)");
      inTransaction(() => {
        for (let i = 0; i < 20; i++) put.run(`k${r.below(500)}`, r.pick([null, r.below(9), "text", -0.5, r.bytes(9)]));
      });
    },
  ],
  blob: [4, (r) => void insert(r, r.below(settings.maxBlobBytes))],
  rollback: [3, (r) => (db.exec("begin"), void insert(r, 5000), db.exec("rollback"))],
  create: [
    3,
    (r, n) =>
      inTransaction(() => {
        db.exec(`create table made_${n}(a, b default ${n}); create unique index made_${n}_a on made_${n}(a)`);
        for (let i = 0; i < 50; i++) db.prepare(`insert into made_${n}(a) values(?)`).run(i * 1000 + r.below(999));
        db.exec(`alter table made_${n} add column c text default 'later'`);
      }),
  ],
  drop: [
    2,
    () => {
      const made = db
        .prepare("select name from sqlite_schema where type = 'table' and name like 'made_%' limit 1")
        .get();
      if (made !== undefined) db.exec(`drop table ${String(made["name"])}`);
    },
  ],
  vacuum: [
    settings.vacuum ? 1 : 0,
    () => db.exec(settings.autoVacuum === "incremental" ? "pragma incremental_vacuum" : "vacuum"),
  ],
  analyze: [1, () => db.exec("analyze")],
  version: [1, (r) => db.exec(`pragma user_version=${r.below(1e6)}`)],
};

const bag = Object.entries(steps).flatMap(([kind, [weight]]) => Array.from({ length: weight }, () => kind));

/** Rows of 64 KiB until the transaction holds so many bytes. */
function huge(bytes: number): void {
  inTransaction(() => {
    for (let written = 0; written < bytes; written += 65_536) insert(random, 65_536);
  });
}

say("ready");
let done = 0;
for (let n = 1; n <= settings.steps && !stop.requested; n++) {
  const kind = random.pick(bag);
  steps[kind]?.[1](random, n);
  done++;
  if (settings.hugeBytes > 0 && n === Math.ceil(settings.steps / 2)) huge(settings.hugeBytes);
  say(`step ${n} ${kind}`);
  await sleep(settings.pauseMs);
}
db.close();
say(`report ${JSON.stringify({ steps: done })}`);
process.stdin.destroy();

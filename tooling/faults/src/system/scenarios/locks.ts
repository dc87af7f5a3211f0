// Locks held for long, by other people and by the application itself.
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { ManagedProcess, spawnCheckpointer, spawnLongReader } from "@litewake-tooling/testkit";
import { Application } from "../application.ts";
import { require } from "../broken.ts";
import { scenario, type Theme } from "../scenario.ts";
import type { World } from "../world.ts";

const ROTATING = { pageSize: 65_536, payloadBytes: 60_000, rate: 8 };
/** Holds a database by a file system layer of its own, in which nobody else may be. */
const UNIX_EXCL = `
import sqlite3, sys, time
db = sqlite3.connect("file:" + sys.argv[1] + "?vfs=unix-excl", uri=True, isolation_level=None)
db.execute("pragma journal_mode=wal")
db.execute("create table if not exists alone(x)")
db.execute("insert into alone values (1)")
print("ready", flush=True)
sys.stdin.read()
db.execute("insert into alone values (2)")
db.close()
`;

/** Somebody holds the write lock for long while the application waits. */
async function held(world: World, begin: string): Promise<void> {
  // Longer than the full form holds the lock.
  const application = await world.application({ ...world.random.pick([{}, ROTATING]), busyTimeoutMs: 20_000 });
  const owner = new DatabaseSync(world.database, { timeout: 10_000 });
  owner.exec(`${begin}; create table if not exists late(x); insert into late values (1)`);
  await sleep(world.between(1000, 2500));
  owner.exec(world.random.below(2) === 0 ? "commit" : "rollback");
  owner.close();
  await application.goesOn();
  await application.end();
}

export const locks: Theme = [
  scenario("exclusive-transaction", (world) => held(world, "begin exclusive")),
  scenario("schema-change-for-long", (world) => held(world, "begin immediate")),

  scenario("exclusive-transaction-at-start", async (world) => {
    const writer = await world.writer();
    await writer.reached(5);
    const owner = new DatabaseSync(world.database, { timeout: 10_000 });
    owner.exec("begin exclusive; create table late(x)");
    const follower = await world.follower();
    await sleep(world.between(300, 1000));
    owner.exec("commit");
    owner.close();
    const application = new Application(world, writer, follower);
    await application.goesOn();
    await application.end();
  }),

  scenario("long-readers", async (world) => {
    const application = await world.application(ROTATING);
    {
      await using _first = await spawnLongReader(world.database, { holdMs: 60_000 });
      await using _second = await spawnLongReader(world.database, { holdMs: 300, pauseMs: 20 });
      await application.goesOn(30);
    }
    await application.goesOn(20);
    await application.end();
  }),

  scenario("checkpoint-loops", async (world) => {
    const application = await world.application();
    await using loop = await spawnCheckpointer(world.database, {
      modes: world.random.pick(["TRUNCATE", "TRUNCATE,RESTART", "FULL,TRUNCATE"]),
      everyMs: world.random.pick([1, 10]),
      busyTimeoutMs: 2000,
    });
    await sleep(world.between(1000, 2000));
    await application.goesOn();
    const report = await loop.stop();
    require(report.done > 0, `no checkpoint was done: ${JSON.stringify(report)}`);
    await application.end();
  }),

  scenario("exclusive-locking-mode-at-start", async (world) => {
    const owner = new DatabaseSync(world.database);
    owner.exec(
      "pragma locking_mode=exclusive; pragma journal_mode=wal; create table mine(x); insert into mine values (1)",
    );
    const follower = await world.follower();
    await follower.says(/waiting for the database.*locked/);
    owner.exec("insert into mine values (2)");
    await sleep(world.between(300, 1000));
    owner.exec("insert into mine values (3)");
    owner.close();
    const writer = await world.writer();
    const application = new Application(world, writer, follower);
    await application.goesOn();
    await application.end();
  }),

  scenario("exclusive-locking-mode-while-running", async (world) => {
    const application = await world.application();
    await application.writer.stop();
    const owner = new DatabaseSync(world.database, { timeout: 500 });
    owner.exec("pragma locking_mode=exclusive");
    // It gets what it would get beside any other connection: shared use until it is alone.
    let refused = "";
    try {
      owner.exec("create table mine(x); insert into mine values (1)");
    } catch (error) {
      refused = String(error);
    }
    require(refused === "" || /locked/.test(refused), refused);
    owner.close();
    await application.write();
    await application.goesOn();
    await application.end();
  }),

  scenario("unix-excl", async (world) => {
    await (await world.writer({ commits: 3 })).finished();
    await using owner = new ManagedProcess("python3", ["-c", UNIX_EXCL, world.database]);
    await owner.waitFor(/^ready$/);
    const follower = await world.follower();
    await follower.says(/waiting for the database.*locked/);
    await sleep(world.between(300, 1000));
    owner.endInput();
    require((await owner.ended).code === 0, `the application met an error: ${owner.output()}`);
    const application = new Application(world, await world.writer(), follower);
    await application.goesOn();
    await application.end();
  }),

  scenario("immutable-readers", async (world) => {
    const application = await world.application();
    for (let n = 0; n < 20; n++) {
      const reader = new DatabaseSync(new URL(`file://${world.database}?immutable=1`), { readOnly: true });
      try {
        reader.prepare("select count(*) from sqlite_schema").get();
      } finally {
        reader.close();
      }
      await sleep(20);
    }
    await application.goesOn();
    await application.end();
  }),
];

// What an application does to its own database: VACUUM, other journal modes, other page sizes, the backup API.
import { execFileSync } from "node:child_process";
import { backup, DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { sqliteShell } from "@litewake-tooling/testkit";
import { Application } from "../application.ts";
import { require } from "../broken.ts";
import { sql } from "../hands.ts";
import { scenario, type Theme } from "../scenario.ts";
import type { World } from "../world.ts";

const FIRST = /holds no generation yet/;
const ELSEWHERE = /WAL|while nobody|page size/;

/** Changes the stopped application's database while nobody follows it; then both run again. */
async function changedBetweenRuns(world: World, ...statements: readonly string[]): Promise<void> {
  const application = await world.application();
  await application.writer.stop();
  await application.follower.stop();
  const mode = sql(world.database, ...statements);
  await application.follow();
  await application.write();
  await application.goesOn(10);
  await application.end({
    generations: [FIRST],
    moreGenerations: ELSEWHERE,
    ...(mode.includes("delete") ? { says: /journal mode changed to WAL/ } : {}),
  });
}

export const journals: Theme = [
  scenario("vacuum", async (world) => {
    const application = await world.application({ payloadBytes: 2000 });
    for (let rounds = world.long ? 8 : 3; rounds > 0; rounds--) {
      sql(
        world.database,
        "create table if not exists junk(x)",
        "insert into junk values (randomblob(2000000))",
        "drop table junk",
        "vacuum",
      );
      await sleep(world.random.below(300));
    }
    await application.goesOn();
    await application.end();
  }),

  scenario("journal-mode-changed-while-running", async (world) => {
    const application = await world.application();
    await application.writer.stop();
    // SQLite lets nobody leave WAL mode while somebody else has the database open, whoever that is.
    let refused = "";
    try {
      sql(world.database, "pragma busy_timeout=200", "pragma journal_mode=delete");
    } catch (error) {
      refused = String(error);
    }
    require(/locked/.test(refused), `the mode was changed under a mark: ${refused}`);
    await application.write();
    await application.goesOn();
    await application.end();
  }),

  scenario("journal-mode-changed-between-runs", (world) =>
    changedBetweenRuns(world, "create table junk(x)", "drop table junk", "pragma journal_mode=delete"),
  ),

  scenario("journal-mode-there-and-back-between-runs", (world) =>
    changedBetweenRuns(
      world,
      "pragma journal_mode=delete",
      "insert into touched values (-1, 1)",
      "pragma journal_mode=wal",
    ),
  ),

  scenario("page-size-changed-between-runs", (world) => {
    const size = world.random.pick([512, 1024, 8192, 65_536]);
    return changedBetweenRuns(
      world,
      "pragma journal_mode=delete",
      `pragma page_size=${size}`,
      "vacuum",
      "pragma journal_mode=wal",
    );
  }),

  scenario("page-size-changed-while-litewake-waits", async (world) => {
    const application = await world.application();
    await application.writer.stop();
    await application.follower.stop();
    const owner = new DatabaseSync(world.database);
    owner.exec("pragma locking_mode=exclusive; pragma journal_mode=delete; begin exclusive; rollback");
    await application.follow({ atOnce: true });
    await application.follower.says(/waiting for the database.*locked/);
    owner.exec("pragma page_size=16384; vacuum; pragma journal_mode=wal");
    owner.close();
    await application.write();
    await application.goesOn(10);
    await application.end({ generations: [FIRST], moreGenerations: ELSEWHERE });
  }),

  scenario("overwritten-by-the-backup-api", async (world) => {
    const application = await world.application({ rows: 3 });
    await application.goesOn(30);
    await application.writer.stop();
    const other = world.join("other.db");
    sql(world.database, `vacuum into '${other}'`);
    sql(other, "create table more(x)", "insert into more values (randomblob(3000000))");
    if (world.random.below(2) === 0) {
      const source = new DatabaseSync(other);
      await backup(source, world.database);
      source.close();
    } else {
      execFileSync(await sqliteShell(), [world.database, `.restore ${other}`]);
    }
    await application.write();
    await application.goesOn(5);
    await application.end();
  }),

  scenario("attached-writers", async (world) => {
    const second = world.join("data", "second.db");
    const replica = world.join("replica-2");
    sql(second, "pragma journal_mode=wal", "create table pair(n integer primary key)");
    const writer = await world.writer();
    const application = new Application(world, writer, await world.follower({ more: { [second]: replica } }));
    const both = new DatabaseSync(world.database, { timeout: 10_000 });
    both.exec(`attach '${second}' as two; create table if not exists pair(n integer primary key)`);
    for (let n = 1; n <= (world.long ? 300 : 60); n++) {
      both.exec(`begin immediate; insert into main.pair values (${n}); insert into two.pair values (${n}); commit`);
      await sleep(5);
    }
    both.close();
    await application.goesOn();
    await application.end({ generations: [FIRST, FIRST] });
    const beside = new Application(
      Object.assign(Object.create(world), { database: second, replica }),
      writer,
      application.follower,
    );
    await beside.same();
  }),

  scenario("checkpoints-and-limits-of-all-kinds", async (world) => {
    const application = await world.application({
      rate: 0,
      payloadBytes: 300,
      autocheckpoint: world.random.pick([1, 10, 100]),
      journalSizeLimit: world.random.pick([-1, 0, 40_000]),
      checkpoint: world.random.pick(["FULL:5", "RESTART:50", "TRUNCATE:5", "TRUNCATE:50"] as const),
      reopenEvery: world.random.pick([0, 7, 50]),
    });
    await sleep(world.between(800, 1500));
    await application.goesOn(1);
    await application.end();
  }),
];

// The files of a database deleted, moved, linked and made anew under a running Litewake.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Application } from "../application.ts";
import { require } from "../broken.ts";
import { removeFiles, sql } from "../hands.ts";
import { histories } from "../judge.ts";
import { scenario, type Theme } from "../scenario.ts";
import type { World } from "../world.ts";

const FIRST = /holds no generation yet/;
/** What SQLite itself says to whoever has a file open that is not there any more. */
const MOVED = /disk I\/O error|attempt to write a readonly database|malformed|unable to open|no such table/;

/** The database is taken away while both run, and made anew under its name; the application opens it again. */
async function madeAnew(world: World, takeAway: (database: string) => void): Promise<void> {
  const application = await world.application();
  const before = application.writer.committed();
  await application.ships(before);
  await application.writer.kill();
  const last = application.writer.committed();
  await application.ships(last);
  takeAway(world.database);
  await sleep(world.random.below(400));
  await application.write();
  application.acknowledged = 0;
  await application.goesOn(20);
  await application.end({ generations: [FIRST, /./] });
  const [old = 0] = await histories(world.replica);
  require(old >= last, `the old history ends at ${old}, not at ${last}`);
}

export const databaseFiles: Theme = [
  scenario("deleted-and-made-anew", (world) => madeAnew(world, (database) => removeFiles(database))),

  scenario("truncated-to-nothing", (world) =>
    madeAnew(world, (database) => {
      removeFiles(database, ["-wal", "-shm"]);
      fs.truncateSync(database, 0);
    }),
  ),

  scenario("deleted-under-the-application", async (world) => {
    const application = await world.application();
    removeFiles(world.database);
    await sleep(world.between(300, 800));
    await application.writer.kill();
    await application.write();
    await application.goesOn(10);
    await application.end({ errors: MOVED, generations: [FIRST, /./] });
  }),

  scenario("wal-deleted-under-both", async (world) => {
    const application = await world.application();
    fs.rmSync(`${world.database}-wal`);
    // Whoever has it open goes on in a file without a name: what it commits now is in the replica, and nowhere else.
    await application.goesOn(20);
    await application.follower.says(/WAL .*deleted|deleted.* WAL/i);
    const last = await application.goesOn();
    await application.writer.kill();
    await application.follower.stop();
    const [only = 0] = await histories(world.replica);
    require(only >= last, `the replica ends at ${only}, and ${last} was acknowledged`);
  }),

  scenario("shm-deleted-under-both", async (world) => {
    const application = await world.application();
    fs.rmSync(`${world.database}-shm`);
    await application.goesOn(20);
    await application.end();
  }),

  scenario("side-files-deleted-between-runs", async (world) => {
    const application = await world.application();
    await application.writer.kill();
    await application.ships(application.writer.committed());
    await application.follower.stop();
    removeFiles(world.database, world.random.pick([["-wal", "-shm"], ["-wal"], ["-shm"]]));
    await application.follow();
    await application.write();
    await application.goesOn(10);
    const reasons = application.follower.reasons.map(() => /WAL|while nobody/);
    await application.end({ generations: [FIRST, ...reasons] });
  }),

  scenario("folder-moved-away-and-back", async (world) => {
    const application = await world.application();
    const folder = path.dirname(world.database);
    const away = `${folder}-away`;
    fs.renameSync(folder, away);
    await sleep(world.between(300, 1500));
    require(!fs.existsSync(folder), "Litewake has made the folder again: the application's cannot come back");
    fs.renameSync(away, folder);
    await application.goesOn(10);
    await application.end({ errors: MOVED });
  }),

  scenario("path-is-a-link", async (world) => {
    const real = world.database;
    fs.mkdirSync(world.join("links"));
    world.database = world.join("links", "current.db");
    fs.symlinkSync(real, world.database);
    const application = await world.application(
      world.random.pick([{}, { pageSize: 65_536, payloadBytes: 60_000, rate: 8 }]),
    );
    await application.goesOn(30);
    await application.writer.stop();
    world.database = real;
    await application.write();
    await application.goesOn(5);
    await application.end();
  }),

  scenario("folder-is-a-link", async (world) => {
    fs.symlinkSync(path.dirname(world.database), world.join("link"));
    const real = world.database;
    world.database = world.join("link", "app.db");
    const writer = await world.writer({}, {}, real);
    const application = new Application(world, writer, await world.follower());
    await application.goesOn(20);
    await application.end();
  }),

  scenario("link-led-elsewhere", async (world) => {
    const first = world.join("data", "first.db");
    const second = world.join("data", "second.db");
    world.database = world.join("data", "current.db");
    sql(second, "pragma journal_mode=wal", "create table other(x)", "insert into other values (1)");
    fs.symlinkSync(first, world.database);
    fs.closeSync(fs.openSync(first, "w"));
    const application = await world.application();
    await application.writer.stop();
    fs.symlinkSync(second, world.join("data", "next"));
    fs.renameSync(world.join("data", "next"), world.database);
    await application.write();
    await application.goesOn(10);
    await application.end({ generations: [FIRST, /./] });
  }),

  scenario("database-and-state-on-other-disks", async (world) => {
    const disk = world.tmpfs("memory", 128 << 20);
    if (world.random.below(2) === 0) world.database = path.join(disk, "app.db");
    else world.meta = path.join(disk, "meta");
    const application = await world.application({ pageSize: 65_536, payloadBytes: 60_000, rate: 8 });
    await application.goesOn(30);
    await application.follower.process.kill9();
    await application.follow();
    await application.goesOn(5);
    // Killed in the middle of a rotation the place may be gone: said, and a new generation then.
    await application.end({ generations: [FIRST], moreGenerations: /while nobody/ });
  }),
];

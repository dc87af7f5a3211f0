// An older copy in the database's place must never silently become the newest truth.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Application } from "../application.ts";
import { require } from "../broken.ts";
import { copyFiles, removeFiles, sql } from "../hands.ts";
import { histories, lastRestorable } from "../judge.ts";
import { scenario, type Theme } from "../scenario.ts";
import type { World } from "../world.ts";

const FIRST = /holds no generation yet/;

/** An application with an older copy of its files beside it, and history that goes further. */
async function withCopy(world: World, sides: readonly string[]): Promise<{ application: Application; copy: string }> {
  const application = await world.application();
  await application.goesOn(world.random.below(40));
  const copy = world.join("copy.db");
  // A copy of a database at work is only whole together with its WAL.
  if (sides.length === 1) {
    sql(world.database, `vacuum into '${copy}'`);
    sql(copy, "pragma journal_mode=wal");
  } else {
    copyFiles(world.database, copy, sides);
  }
  await application.goesOn(20);
  await application.writer.kill();
  await application.ships(application.writer.committed());
  return { application, copy };
}

/** The history up to `last` is still there, and what came after it is told apart. */
async function requireHistory(world: World, last: number): Promise<void> {
  const rows = await histories(world.replica);
  require(rows.some((end) => end >= last), `no generation ends at ${last} any more: ${rows.join(", ")}`);
}

async function betweenRuns(world: World, sides: readonly string[]): Promise<void> {
  const { application, copy } = await withCopy(world, sides);
  const last = application.acknowledged;
  await application.follower.stop();
  removeFiles(world.database);
  copyFiles(copy, world.database);
  await application.follow({ atOnce: true });
  const settled = await Promise.race([
    application.follower.process.ended.then(() => "ended"),
    application.follower.says(/snapshot written/).catch(() => "ended"),
  ]);
  if (settled === "ended") {
    await application.follower.endsWith(/app\.db is older than what was shipped.*-new-history/, 7);
    require((await lastRestorable(world.replica)) === last, "the replica was changed");
    // Insisted upon, the older state begins a history of its own.
    await application.follow({ flags: ["-new-history"] });
  } else {
    await application.follower.says(/does not continue the replica's history/);
  }
  await application.write();
  await application.goesOn(5);
  await application.end({ generations: [FIRST, /./] });
  await requireHistory(world, last);
}

async function whileRunning(world: World, sides: readonly string[]): Promise<void> {
  const { application, copy } = await withCopy(world, sides);
  const last = application.acknowledged;
  const staged = world.join("data", "staged.db");
  copyFiles(copy, staged);
  if (fs.existsSync(`${staged}-wal`)) fs.renameSync(`${staged}-wal`, `${world.database}-wal`);
  else removeFiles(world.database, ["-wal"]);
  removeFiles(world.database, ["-shm"]);
  fs.renameSync(staged, world.database);
  const settled = await Promise.race([
    application.follower.process.ended.then(() => "ended"),
    application.follower.says(/does not continue the replica's history/).catch(() => "ended"),
  ]);
  if (settled === "ended") {
    await application.follower.endsWith(/app\.db is older than what was shipped.*-new-history/, 7);
    require((await lastRestorable(world.replica)) === last, "the replica was changed");
    return;
  }
  await sleep(200);
  await application.write();
  await application.goesOn(5);
  await application.end({ generations: [FIRST, /./] });
  await requireHistory(world, last);
}

export const olderCopies: Theme = [
  scenario("older-copy-with-wal-between-runs", (world) => betweenRuns(world, ["", "-wal"])),
  scenario("older-copy-without-wal-between-runs", (world) => betweenRuns(world, [""])),
  scenario("older-copy-with-wal-while-running", (world) => whileRunning(world, ["", "-wal"])),
  scenario("older-copy-without-wal-while-running", (world) => whileRunning(world, [""])),

  scenario("newest-copy-comes-back", async (world) => {
    const application = await world.application();
    await application.goesOn(20);
    await application.writer.kill();
    await application.ships(application.writer.committed());
    await application.follower.stop();
    const copy = world.join("copy.db");
    copyFiles(world.database, copy);
    removeFiles(world.database);
    copyFiles(copy, world.database);
    await application.follow();
    await application.write();
    await application.goesOn(5);
    await application.end();
  }),
];

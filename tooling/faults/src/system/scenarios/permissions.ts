// Permissions that are lost while Litewake runs as somebody who is not root, and given back.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runLitewake, type WriterOptions } from "@litewake-tooling/testkit";
import type { Application } from "../application.ts";
import { require } from "../broken.ts";
import { giveTo } from "../hands.ts";
import { scenario, type Theme } from "../scenario.ts";
import { NOBODY, type World } from "../world.ts";

const ROTATING: WriterOptions = { pageSize: 65_536, payloadBytes: 60_000, rate: 8 };

/** The application is root's, Litewake is nobody's. */
async function asNobody(world: World, writing: WriterOptions = {}): Promise<Application> {
  const writer = await world.writer({ ...writing, commits: 1 });
  await writer.finished();
  for (const folder of [world.replica, world.meta]) {
    if (folder !== undefined) fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  giveTo(NOBODY, path.dirname(world.database), world.replica, ...(world.meta === undefined ? [] : [world.meta]));
  return world.application(writing, { uid: NOBODY });
}

/** Takes a folder away in one of two ways; what is answered gives it back. */
function takeAway(world: World, folder: string): () => void {
  if (world.random.below(2) === 0) {
    fs.chmodSync(folder, 0o000);
    return () => fs.chmodSync(folder, 0o700);
  }
  fs.chownSync(folder, 0, 0);
  fs.chmodSync(folder, 0o700);
  return () => fs.chownSync(folder, NOBODY, NOBODY);
}

export const permissions: Theme = [
  scenario("replica-forbidden", async (world) => {
    const application = await asNobody(world);
    const giveBack = takeAway(world, world.replica);
    await application.follower.says(/permission denied/);
    await sleep(world.between(200, 1200));
    giveBack();
    await application.goesOn();
    await application.end({ says: /replica does not take what is shipped.*permission denied/ });
  }),

  scenario("state-forbidden", async (world) => {
    world.meta = world.join("meta");
    const application = await asNobody(world, ROTATING);
    const giveBack = takeAway(world, world.meta);
    await application.goesOn(30);
    giveBack();
    await application.goesOn();
    await application.end({ says: /meta\/(state.json|spool)/ });
  }),

  scenario("database-folder-forbidden", async (world) => {
    const application = await asNobody(world, world.random.pick([{}, ROTATING]));
    const giveBack = takeAway(world, path.dirname(world.database));
    await application.follower.says(/cannot be worked on.*permission denied/);
    await sleep(world.between(200, 1500));
    giveBack();
    await application.goesOn();
    await application.end();
  }),

  scenario("database-forbidden-at-start", async (world) => {
    const writer = await world.writer();
    await writer.reached(5);
    fs.chmodSync(world.database, 0o600);
    const follower = await world.follower({ uid: NOBODY });
    await follower.endsWith(/app\.db cannot be opened.*give user 65534 read and write permission/, 6);
    require(!fs.existsSync(world.replica), "something was written to the replica");
  }),

  scenario("folder-not-writable-at-start", async (world) => {
    const writer = await world.writer({ commits: 5 });
    await writer.finished();
    // The file is its own, the folder is not: SQLite can make neither -wal nor -shm.
    giveTo(NOBODY, world.database);
    fs.chmodSync(path.dirname(world.database), 0o755);
    fs.mkdirSync(world.replica);
    giveTo(NOBODY, world.replica);
    const follower = await world.follower({ uid: NOBODY });
    await follower.endsWith(/app\.db cannot be opened for reading and writing/, 6);
  }),

  scenario("restore-into-a-forbidden-folder", async (world) => {
    const application = await world.application();
    await application.end();
    execFileSync("chmod", ["-R", "a+rX", world.replica]);
    fs.mkdirSync(world.join("output"), { mode: 0o755 });
    const output = world.join("output", "restored.db");
    const user = { uid: NOBODY, gid: NOBODY };
    const { code, stderr } = await runLitewake(["restore", "-o", output, `file://${world.replica}`], user);
    require(code === 6, `exit code ${code}, expected 6: ${stderr}`);
    const lines = stderr.trim().split("\n");
    require(lines.length === 1 && stderr.includes(output) && /permission/.test(stderr), stderr);
    require(fs.readdirSync(world.join("output")).length === 0, "something was left");
  }),
];

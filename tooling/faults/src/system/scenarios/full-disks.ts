// Disks that are full: the database's, the local state's, the replica's, a restore's; then there is room again.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runLitewake, type WriterOptions } from "@litewake-tooling/testkit";
import { Application } from "../application.ts";
import { require } from "../broken.ts";
import { fill } from "../hands.ts";
import { scenario, type Theme } from "../scenario.ts";
import type { World } from "../world.ts";

const MIB = 1 << 20;
const FULL = /database or disk is full|disk I\/O error/;

/** The second one makes Litewake rotate each second or two. */
const SMALL = { pageSize: 4096, payloadBytes: 1000 };
const ROTATING = { pageSize: 65_536, payloadBytes: 60_000, rate: 8 };

const writing = (world: World): WriterOptions => world.random.pick([SMALL, ROTATING]);

async function sourceFull(world: World, writer: WriterOptions): Promise<void> {
  const disk = world.tmpfs("small", 384 * MIB);
  world.database = path.join(disk, "app.db");
  const application = await world.application(writer);
  for (let rounds = world.long ? 3 : 1; rounds > 0; rounds--) {
    const empty = fill(disk);
    await sleep(world.between(700, 1500));
    empty();
    await application.goesOn();
  }
  await application.end({ errors: FULL });
}

export const fullDisks: Theme = [
  scenario("source-full", (world) => sourceFull(world, SMALL)),

  scenario("source-full-while-rotating", (world) => sourceFull(world, ROTATING)),

  scenario("source-full-at-start", async (world) => {
    const disk = world.tmpfs("small", 64 * MIB);
    world.database = path.join(disk, "app.db");
    const writer = await world.writer({ payloadBytes: 500 });
    await writer.reached(20);
    const empty = fill(disk);
    const follower = await world.follower({ atOnce: true });
    await sleep(world.between(800, 1500));
    empty();
    const application = new Application(world, writer, follower);
    await application.goesOn();
    await application.end({ errors: FULL, generations: follower.reasons.map(() => /holds no generation yet/) });
  }),

  scenario("state-full", async (world) => {
    const disk = world.tmpfs("state", MIB / 2);
    world.meta = path.join(disk, "meta");
    const application = await world.application(ROTATING);
    const empty = fill(disk);
    await application.goesOn(30);
    empty();
    await application.goesOn();
    await application.end({ complaints: 20 });
  }),

  scenario("target-full", async (world) => {
    const disk = world.tmpfs("store", 256 * MIB);
    world.replica = path.join(disk, "replica");
    const application = await world.application(writing(world));
    for (let rounds = world.long ? 3 : 1; rounds > 0; rounds--) {
      const empty = fill(disk);
      await application.follower.says(/no space is left on the device/);
      await sleep(world.between(500, 1500));
      empty();
      await application.goesOn();
      // One may be on its way just now, since it goes on.
      for (let tries = 0; tries < 100 && temporaries(world.replica).length > 0; tries++) await sleep(20);
      require(temporaries(world.replica).length === 0, `half an object was left: ${temporaries(world.replica).join()}`);
    }
    await application.end({ says: /no space is left on the device.*small|replica does not take what is shipped/ });
  }),

  scenario("target-full-before-the-first-snapshot", async (world) => {
    const disk = world.tmpfs("store", 32 * MIB);
    world.replica = path.join(disk, "replica");
    const writer = await world.writer({ payloadBytes: 3000 });
    await writer.reached(30);
    const empty = fill(disk);
    const follower = await world.follower({ atOnce: true });
    await follower.says(/no space is left on the device/);
    await sleep(world.between(300, 1500));
    empty();
    const application = new Application(world, writer, follower);
    await application.goesOn();
    // Each attempt at a first snapshot is one of a new generation.
    await application.end({ generations: follower.reasons.map(() => /holds no generation yet/) });
  }),

  scenario("everything-on-one-full-disk", async (world) => {
    const disk = world.tmpfs("all", 384 * MIB);
    world.database = path.join(disk, "app.db");
    world.replica = path.join(disk, "replica");
    const application = await world.application(writing(world));
    const empty = fill(disk);
    await sleep(world.between(700, 1500));
    empty();
    await application.goesOn();
    await application.end({ errors: FULL });
  }),

  scenario("restore-into-a-full-disk", async (world) => {
    const application = await world.application({ payloadBytes: 20_000 });
    await application.goesOn(60);
    await application.end();
    // How much was committed differs from run to run: the disk is always too small for it.
    const { size } = fs.statSync(world.database);
    const disk = world.tmpfs("output", world.random.pick([64 << 10, size >> 1, size - (size >> 2)]));
    const output = path.join(disk, "restored.db");
    const { code, stderr } = await runLitewake(["restore", "-o", output, `file://${world.replica}`]);
    require(code === 6, `exit code ${code}, expected 6: ${stderr}`);
    const lines = stderr.trim().split("\n");
    require(lines.length === 1 && stderr.includes(output) && /space|room|full/.test(stderr), stderr);
    require(fs.readdirSync(disk).length === 0, `left: ${fs.readdirSync(disk).join(", ")}`);
  }),
];

function temporaries(replica: string): string[] {
  const names = fs.readdirSync(replica, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".tmp"));
}

// Clocks that jump, and processes that stand still for longer than their lease.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { require } from "../broken.ts";
import { Clock } from "../clock.ts";
import { scenario, type Theme } from "../scenario.ts";
import type { World } from "../world.ts";

const YEAR = 365 * 86_400;

function snapshots(world: World): number {
  const names = fs.readdirSync(world.replica, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.includes("/snapshots/")).length;
}

async function jumps(world: World, steps: readonly number[], replicaSettings: readonly string[]): Promise<void> {
  const clock = new Clock(world.folder);
  const application = await world.application({}, { env: clock.env, replicaSettings });
  for (const seconds of steps) {
    clock.set(seconds);
    await application.goesOn(15);
  }
  await application.end({ complaints: 0 });
}

export const time: Theme = [
  scenario("clock-jumps", async (world) => {
    const far = () => (world.random.below(20) - 10) * YEAR + world.random.below(86_400);
    await jumps(world, [10 * YEAR, -10 * YEAR, far(), 0], ["retention: 1h", "retention-check-interval: 1s"]);
    // A clock that is years ahead makes no snapshot overdue, and none of what is kept too old.
    require(snapshots(world) === 1, `${snapshots(world)} snapshots were taken`);
  }),

  scenario("clock-jumps-with-a-lease", (world) => jumps(world, [YEAR, -YEAR, 3600, 0], ["lease: 3s"])),

  scenario("clock-jumps-back-with-snapshots-due", async (world) => {
    const clock = new Clock(world.folder);
    const settings = ["snapshot-interval: 1s", "retention: 24h"];
    const application = await world.application({}, { env: clock.env, replicaSettings: settings });
    clock.set(-YEAR);
    const before = snapshots(world);
    const deadline = performance.now() + 20_000;
    while (snapshots(world) < before + 2 && performance.now() < deadline) await sleep(100);
    require(snapshots(world) >= before + 2, "no snapshot is taken any more after the clock went back");
    await application.end({ complaints: 0 });
  }),

  scenario("clock-wrong-at-start", async (world) => {
    const clock = new Clock(world.folder);
    clock.set((world.random.below(2) === 0 ? 1 : -1) * 20 * YEAR);
    const first = await world.application({}, { env: clock.env });
    await first.follower.stop();
    clock.set(-first.world.random.below(YEAR));
    await first.follow({ env: clock.env });
    await first.goesOn();
    await first.end({ complaints: 0 });
    require(snapshots(world) === 1, `${snapshots(world)} snapshots were taken`);
  }),

  scenario("follower-suspended-past-its-lease", async (world) => {
    const application = await world.application({}, { replicaSettings: ["lease: 2s"] });
    application.follower.process.pause();
    await sleep(world.between(2500, 4000));
    application.follower.process.resume();
    await application.goesOn();
    await application.end();
  }),

  scenario("follower-suspended-while-everything-rotates", async (world) => {
    const application = await world.application({
      pageSize: 65_536,
      payloadBytes: 60_000,
      rate: 8,
      checkpoint: "TRUNCATE:200",
      busyTimeoutMs: 200,
    });
    for (let rounds = 3; rounds > 0; rounds--) {
      application.follower.process.pause();
      await sleep(world.between(300, 900));
      application.follower.process.resume();
      await application.goesOn(3);
    }
    await application.end();
  }),

  scenario("writer-suspended", async (world) => {
    const application = await world.application({ rows: 50, rate: 0, payloadBytes: 1000, synchronous: "full" });
    for (let rounds = 3; rounds > 0; rounds--) {
      application.writer.process.pause();
      await sleep(world.between(500, 1200));
      application.writer.process.resume();
      await sleep(100);
    }
    await application.goesOn();
    await application.end();
  }),

  scenario("everybody-suspended", async (world) => {
    const application = await world.application({}, { replicaSettings: ["lease: 2s"] });
    const both = [application.follower.process, application.writer.process];
    for (const one of both) one.pause();
    await sleep(world.between(2500, 4000));
    for (const one of world.random.below(2) === 0 ? both : both.toReversed()) {
      one.resume();
      await sleep(world.random.below(200));
    }
    await application.goesOn();
    require(fs.existsSync(path.join(world.replica, "litewake")), "there is no lease");
    await application.end();
  }),
];

// A process that may open no more files: from the start, and in the middle of its work.
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { Application } from "../application.ts";
import { Broken, require } from "../broken.ts";
import { scenario, type Theme } from "../scenario.ts";
import type { World } from "../world.ts";

/** So few, and Node itself does not begin. */
const LEAST = 22;

/** With so few descriptors it either works, or says so in one line and ends. */
async function startsOrSaysWhy(world: World, files: number): Promise<boolean> {
  const writer = await world.writer({ rate: 40 });
  await writer.reached(3);
  const follower = await world.follower({ under: ["prlimit", `--nofile=${files}:4096`] });
  if (!follower.process.running) {
    const { code } = await follower.process.ended;
    require(code !== 0 && code !== null, `with ${files} files it ended with ${code}`);
    const words = follower.lastWords.filter((line) => line.trim() !== "");
    const clear = words.length === 1 && /EMFILE|open files|cannot be opened/.test(words[0] ?? "");
    // Where Node cannot even make an event loop there is nobody who could say a line of ours.
    const nodes = words.some((line) =>
      /node::|uv_|libuv|Assertion|Cannot find (module|package)|node:internal/.test(line),
    );
    if (!clear && !nodes) throw new Broken(`with ${files} files: ${follower.process.output()}`);
    await writer.stop();
    return false;
  }
  const application = new Application(world, writer, follower);
  execFileSync("prlimit", ["--pid", String(follower.process.pid), "--nofile=4096:4096"]);
  await application.goesOn();
  await application.end({ says: /snapshot written/ });
  return true;
}

async function exhausted(world: World, writing: Parameters<World["application"]>[0], spare: number): Promise<void> {
  const application = await world.application(writing);
  const { follower } = application;
  const limit = (files: number) =>
    execFileSync("prlimit", ["--pid", String(follower.process.pid), `--nofile=${files}:4096`]);
  for (let rounds = world.long ? 3 : 1; rounds > 0; rounds--) {
    limit(Math.max(3, follower.openFiles + spare));
    await sleep(world.between(800, 2000));
    limit(4096);
    await application.goesOn();
  }
  const files = follower.openFiles;
  require(files < 100, `${files} files are open`);
  await application.end();
}

export const descriptors: Theme = [
  scenario("few-descriptors-at-start", async (world) => {
    await startsOrSaysWhy(world, LEAST + world.random.below(30));
  }),

  scenario("no-descriptors", (world) => exhausted(world, {}, -world.random.below(4))),

  scenario("no-descriptors-while-rotating", (world) =>
    exhausted(world, { pageSize: 65_536, payloadBytes: 60_000, rate: 8 }, world.random.below(4) - 2),
  ),
];

// Large databases: memory of a restore, and what a snapshot under load costs the writer.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  configure,
  type Contender,
  contender,
  contenders,
  type Place,
  replicate,
  restoreCommand,
} from "../contenders.ts";
import { contentOf } from "../content.ts";
import { type Figure, Rounds, type Side } from "../figures.ts";
import { sizeOf } from "../fixture.ts";
import { measured, pause } from "../process.ts";
import { runWriter } from "../run-writer.ts";
import type { Scenario } from "../scenario.ts";

const MIB = 1 << 20;
const GIB = 1 << 30;

/** Fills a database; half of each row can be compressed. */
function fill(file: string, bytes: number): void {
  const database = new DatabaseSync(file, { timeout: 30_000 });
  database.exec(
    "pragma journal_mode=wal; pragma synchronous=off; create table if not exists big(id integer primary key, body blob)",
  );
  const insert = database.prepare("insert into big(body) values (cast(randomblob(16000) || zeroblob(16000) as blob))");
  for (let done = 0; done < bytes;) {
    database.exec("begin");
    for (let n = 0; n < 1000 && done < bytes; n++, done += 32_500) insert.run();
    database.exec("commit");
  }
  database.close();
}

/** Restored from a folder; a quarter as much WAL as database. */
export const restoreMemory: Scenario = {
  name: "restore-memory",
  about: "memory of restoring 2 GiB and 8 GiB, a quarter as much WAL with each",
  servers: false,
  async run({ folder, say }) {
    const peaks = new Rounds();
    const who = await contender("litewake");
    let first = 0;
    for (const bytes of [2 * GIB, 8 * GIB]) {
      const own = path.join(folder, `${bytes}`);
      fs.mkdirSync(own);
      const file = path.join(own, "bench.db");
      fill(file, bytes);
      const place: Place = { kind: "file", folder: path.join(own, "replica") };
      const config = configure(who, path.join(own, "bench.yml"), [{ path: file, place }], { syncIntervalMs: 1000 });
      const running = await replicate(who, config);
      await running.waitFor(/msg="snapshot written"/, 600_000);
      fill(file, bytes / 4);
      await running.stop(300_000);
      const { seconds, peakMb } = await measured(
        restoreCommand(who, place, path.join(own, "back.db"), own),
        who.environment,
      );
      const back = path.join(own, "back.db");
      if (contentOf(back, "big") !== contentOf(file, "big")) throw new Error("something else was restored");
      const size = fs.statSync(back).size;
      say(`${Math.round(size / MIB)} MB back in ${seconds.toFixed(1)} s with ${Math.round(peakMb)} MB of memory`);
      if (first === 0) first = peakMb;
      else peaks.add("litewake", peakMb);
      fs.rmSync(own, { recursive: true });
    }
    const about = (what: string) => ({ scenario: "restore-memory", what, unit: "MB" });
    return [
      peaks.figure(about("memory at restore, 8 GiB and 2 GiB of WAL"), peaks.median("litewake"), {
        op: "<=",
        value: 256,
        of: "MB",
      }),
      peaks.figure(about("the same, against a quarter of the size"), peaks.median("litewake") / first, {
        op: "<=",
        value: 1.15,
        of: "× 2 GiB",
      }),
    ];
  },
};

const SNAPSHOT_BYTES = 4 * GIB;

async function writing(database: string, seconds: number): Promise<number> {
  return (await runWriter(database, { seconds, rate: 200 })).p99;
}

/** The writer's p99 while the first snapshot is taken, and how long that takes. */
async function underSnapshot(
  who: Contender,
  file: string,
  own: string,
): Promise<{ p99: number; seconds: number; peakMb: number }> {
  const place: Place = { kind: "file", folder: path.join(own, "replica") };
  const config = configure(who, path.join(own, "bench.yml"), [{ path: file, place }], { syncIntervalMs: 1000 });
  const began = performance.now();
  const running = await replicate(who, config);
  const p99 = writing(file, 10);
  // Looked at when its turn comes; until then a failure is nobody's.
  p99.catch(() => {});
  // The object is there under its name, and no longer grows.
  let seconds = 0;
  for (let last = -1; seconds === 0; await pause(50)) {
    const names = fs.existsSync(place.folder)
      ? fs.readdirSync(place.folder, { recursive: true, encoding: "utf8" })
      : [];
    const snapshot = names.find((name) => /snapshots\/[0-9a-f]+\.snapshot\.lz4$|ltx\/9\/.*\.ltx$/.test(name));
    if (snapshot === undefined) continue;
    const { size } = fs.statSync(path.join(place.folder, snapshot), { throwIfNoEntry: false }) ?? { size: -1 };
    if (size > 100 * MIB && size === last) seconds = (performance.now() - began) / 1000;
    last = size;
  }
  const peak = Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${running.pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  const found = await p99;
  await running.kill9();
  return { p99: found, seconds, peakMb: peak };
}

export const snapshot: Scenario = {
  name: "snapshot",
  about: "a snapshot of 4 GiB while 200 transactions a second are written",
  servers: false,
  async run({ rounds, folder, say }): Promise<Figure[]> {
    const [p99, seconds, memory] = [new Rounds(), new Rounds(), new Rounds()];
    const file = path.join(folder, "bench.db");
    fill(file, SNAPSHOT_BYTES);
    await writing(file, 0.2);
    // A file of this size each round: fewer rounds than elsewhere.
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      p99.add("alone", await writing(file, 10));
      for (const who of await contenders(["litewake", "0.3.13"])) {
        const own = path.join(folder, `${who.name}-${round}`);
        fs.mkdirSync(own);
        const found = await underSnapshot(who, file, own);
        const side: Side = who.name;
        p99.add(side, found.p99);
        seconds.add(side, found.seconds);
        memory.add(side, found.peakMb);
        say(
          `${who.name}: p99 ${found.p99.toFixed(2)} ms, ${found.seconds.toFixed(1)} s, ${Math.round(found.peakMb)} MB, ${Math.round(sizeOf(path.join(own, "replica")).bytes / MIB)} MB stored`,
        );
        fs.rmSync(own, { recursive: true });
        for (const name of fs.readdirSync(folder))
          if (/^\..*-(litewake|litestream)$/.test(name)) fs.rmSync(path.join(folder, name), { recursive: true });
      }
    }
    const about = (what: string, unit: string) => ({
      scenario: "snapshot",
      what: `snapshot of 4 GiB under load: ${what}`,
      unit,
    });
    return [
      p99.figure(about("writer's p99", "ms"), p99.ratio("litewake", "alone"), { op: "<=", value: 1.1, of: "× alone" }),
      seconds.figure(about("time", "s"), seconds.ratio("litewake", "0.3.13"), { op: "<=", value: 1, of: "× 0.3.13" }),
      memory.figure(about("memory", "MB"), memory.median("litewake"), { op: "<=", value: 256, of: "MB" }),
    ];
  },
};

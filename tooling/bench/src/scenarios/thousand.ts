// A thousand shards of which ten are busy.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ManagedProcess } from "@litewake-tooling/testkit";
import { contender } from "../contenders.ts";
import { Rounds } from "../figures.ts";
import { cpuSeconds, memoryMb, pause } from "../process.ts";
import { runWriter } from "../run-writer.ts";
import type { Scenario } from "../scenario.ts";
import { unpacked } from "../unpacked.ts";

const SHARDS = 1000;
const BUSY = 10;
const SECONDS = 10;

/** The p99 of how long a commit waits until its segment lies in the folder. */
async function lagOf(database: string, replica: string, marksFile: string): Promise<number> {
  const seen = new Map<string, number>();
  const stop = new AbortController();
  const looking = (async () => {
    while (!stop.signal.aborted) {
      const names = fs
        .readdirSync(replica, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".wal.lz4"));
      for (const name of names) if (!seen.has(name)) seen.set(name, performance.timeOrigin + performance.now());
      await pause(10);
    }
  })();
  await runWriter(database, { seconds: SECONDS, rate: 20, marksFile });
  await pause(2500);
  stop.abort();
  await looking;
  const stored = new Map<number, number>();
  for (const [name, atMs] of seen) {
    for (const [, digits] of unpacked(fs.readFileSync(path.join(replica, name))).matchAll(/mark-(\d{9})/g)) {
      stored.set(Number(digits), Math.min(atMs, stored.get(Number(digits)) ?? Number.POSITIVE_INFINITY));
    }
  }
  const waits = fs
    .readFileSync(marksFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [sequence = 0, atMs = 0] = line.split(" ").map(Number);
      return (stored.get(sequence) ?? Number.POSITIVE_INFINITY) - atMs;
    });
  waits.sort((a, b) => a - b);
  return waits[Math.floor(waits.length * 0.99)] ?? 0;
}

export const thousand: Scenario = {
  name: "thousand",
  about: `${SHARDS} shards, ${BUSY} busy: start, memory, lag`,
  servers: false,
  async run({ folder, say }) {
    const who = await contender("litewake");
    const data = path.join(folder, "data");
    fs.mkdirSync(data);
    for (let n = 0; n < SHARDS; n++) {
      const database = new DatabaseSync(path.join(data, `shard_${n}.db`));
      database.exec(
        "pragma journal_mode=wal; create table event(id integer primary key, key text, body text); create index by_key on event(key); insert into event(key) values ('x')",
      );
      database.close();
    }
    const config = path.join(folder, "bench.yml");
    fs.writeFileSync(
      config,
      `replication:\n  enabled: true\n  shard_count: ${SHARDS}\n  dlq: false\n  points: 0s\n  replica_url: "file://${folder}/replica"\n`,
    );
    const [program = "", ...words] = who.command;
    const began = performance.now();
    await using running = new ManagedProcess(program, [...words, "replicate", "-config", config], {
      cwd: folder,
      env: who.environment,
    });
    const snapshots = (): number => running.lines.filter((line) => line.includes('msg="snapshot written"')).length;
    while (snapshots() < SHARDS) {
      if (performance.now() - began > 120_000)
        throw new Error(`only ${snapshots()} shards have a snapshot: ${running.lines.at(-1) ?? ""}`);
      await pause(50);
    }
    const start = (performance.now() - began) / 1000;
    await pause(12_000);
    const before = cpuSeconds(running.pid);
    await pause(5000);
    const idleCpu = (cpuSeconds(running.pid) - before) / 5;
    const busy = Array.from({ length: BUSY }, (_, n) =>
      lagOf(path.join(data, `shard_${n}.db`), path.join(folder, `replica/shard_${n}`), path.join(folder, `marks-${n}`)),
    );
    const lags = await Promise.all(busy);
    const memory = memoryMb(running.pid);
    const lag = Math.max(...lags);
    say(
      `started in ${start.toFixed(1)} s, ${Math.round(memory.now)} MB (peak ${Math.round(memory.peak)}), idle ${idleCpu.toFixed(3)} s/s, p99 of the lag ${Math.round(lag)} ms`,
    );
    const one = (value: number): Rounds => {
      const rounds = new Rounds();
      rounds.add("litewake", value);
      return rounds;
    };
    const about = (what: string, unit: string) => ({
      scenario: "thousand",
      what: `1,000 shards, 10 busy: ${what}`,
      unit,
    });
    return [
      one(start).figure(about("start", "s"), start, { op: "<=", value: 10, of: "s" }),
      one(memory.now).figure(about("memory", "MB"), memory.now, { op: "<=", value: 400, of: "MB" }),
      one(lag).figure(about("p99 of the busy ones' lag at 1 s", "ms"), lag, { op: "<=", value: 1100, of: "ms" }),
    ];
  },
};

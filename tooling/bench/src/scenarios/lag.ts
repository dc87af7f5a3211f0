// How long a commit waits for the store's acknowledgement, and how many requests an hour of commits takes.
import fs from "node:fs";
import path from "node:path";
import { configure, contender, replicate } from "../contenders.ts";
import { type Figure, Rounds } from "../figures.ts";
import { unpacked } from "../unpacked.ts";
import { pause } from "../process.ts";
import { runWriter } from "../run-writer.ts";
import type { Run, Scenario } from "../scenario.ts";
import { watchingProxy } from "../watching-proxy.ts";

const RATE = 100;
const SECONDS = 10;
/** The writer's time, its start, and the last interval after it. */
const WATCHED_SECONDS = SECONDS + 2;

interface Lags {
  readonly p50: number;
  readonly p99: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly segments: number;
}

/** Each commit leaves a mark in a row; it is shipped when a segment with that mark is acknowledged. */
async function lags(folder: string, syncIntervalMs: number): Promise<Lags> {
  fs.mkdirSync(folder, { recursive: true });
  const database = path.join(folder, "bench.db");
  const marksFile = path.join(folder, "marks");
  const stored = new Map<number, number>();
  const bodies: { readonly bytes: Buffer; readonly atMs: number }[] = [];
  await using proxy = await watchingProxy((key, bytes, atMs) => {
    if (key.includes("/wal/")) bodies.push({ bytes, atMs });
  });
  await runWriter(database, { seconds: 0.1, rate: 10 });
  const who = await contender("litewake");
  const place = { kind: "s3", endpoint: proxy.endpoint, prefix: `bench/lag-${Date.now()}` } as const;
  const config = configure(who, path.join(folder, "bench.yml"), [{ path: database, place }], { syncIntervalMs });
  await using running = await replicate(who, config);
  await running.waitFor(/msg="snapshot written"/);
  proxy.counts.clear();
  await runWriter(database, { seconds: SECONDS, rate: RATE, marksFile });
  await pause(syncIntervalMs + 500);
  const counts = new Map(proxy.counts);
  await running.stop();
  // Looked into afterwards, so that looking takes no time from shipping.
  for (const { bytes, atMs } of bodies) {
    for (const [, digits] of unpacked(bytes).matchAll(/mark-(\d{9})/g)) {
      const sequence = Number(digits);
      if (!stored.has(sequence)) stored.set(sequence, atMs);
    }
  }
  const waits: number[] = [];
  for (const line of fs.readFileSync(marksFile, "utf8").trim().split("\n")) {
    const [sequence = 0, atMs = 0] = line.split(" ").map(Number);
    const storedAt = stored.get(sequence);
    if (storedAt === undefined) throw new Error(`commit ${sequence} was never acknowledged`);
    waits.push(storedAt - atMs);
  }
  waits.sort((a, b) => a - b);
  const at = (part: number): number => waits[Math.floor(waits.length * part)] ?? 0;
  fs.rmSync(folder, { recursive: true, force: true });
  return { p50: at(0.5), p99: at(0.99), counts, segments: bodies.length };
}

export const lag: Scenario = {
  name: "lag",
  about: `commit to acknowledgement by MinIO, under ${RATE} commits a second`,
  servers: true,
  async run({ rounds, folder, say }: Run): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const interval of [1000, 100, 10]) {
      const [p50, p99] = [new Rounds(), new Rounds()];
      for (let round = 0; round < rounds; round++) {
        const found = await lags(path.join(folder, `${interval}-${round}`), interval);
        p50.add("litewake", found.p50);
        p99.add("litewake", found.p99);
        say(`${interval} ms: p50 ${found.p50.toFixed(1)} ms, p99 ${found.p99.toFixed(1)} ms`);
      }
      const about = (what: string) => ({ scenario: "lag", what: `lag at ${interval} ms: ${what}`, unit: "ms" });
      figures.push(
        p50.figure(about("p50"), p50.median("litewake"), { op: "<=", value: interval / 2 + 30, of: "ms" }),
        p99.figure(about("p99"), p99.median("litewake"), { op: "<=", value: interval + 100, of: "ms" }),
      );
    }
    return figures;
  },
};

export const requests: Scenario = {
  name: "requests",
  about: "requests in a busy hour at 1 s",
  servers: true,
  async run({ folder, say }) {
    const { counts } = await lags(path.join(folder, "requests"), 1000);
    const [puts, lists] = [new Rounds(), new Rounds()];
    // One PUT more than there are intervals between the first and the last.
    const hour = (verb: string): number => (counts.get(verb) ?? 0) * (3600 / WATCHED_SECONDS);
    say([...counts].map(([verb, count]) => `${verb} ${count}`).join(", ") + ` in ${SECONDS} s`);
    puts.add("litewake", hour("PUT"));
    lists.add("litewake", hour("LIST"));
    // One more at each end.
    const most = 3600 * ((WATCHED_SECONDS + 2) / WATCHED_SECONDS);
    return [
      puts.figure(
        { scenario: "requests", what: "PUT in a busy hour at 1 s", unit: "requests" },
        puts.median("litewake"),
        { op: "<=", value: most, of: "requests" },
      ),
      lists.figure(
        { scenario: "requests", what: "LIST in a busy hour at 1 s", unit: "requests" },
        lists.median("litewake"),
        { op: "<=", value: 0, of: "requests" },
      ),
    ];
  },
};

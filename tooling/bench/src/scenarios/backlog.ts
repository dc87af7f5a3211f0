// How long it takes until all is stored that was written at full speed while the store was away.
import fs from "node:fs";
import path from "node:path";
import { type FaultProxy, faultProxy, minio, minioClient } from "@litewake-tooling/emulators";
import { contentOf } from "../content.ts";
import { configure, type Contender, contenders, type Place, replicate, restoreCommand } from "../contenders.ts";
import { type Figure, Rounds } from "../figures.ts";
import { measured, pause } from "../process.ts";
import { runWriter } from "../run-writer.ts";
import type { Run, Scenario } from "../scenario.ts";

const LATENCY_MS = 20;
const WRITE_SECONDS = 2;
const MIB = 1 << 20;
/** Nothing new for so long: all is there. */
const QUIET_MS = 10_000;

/** Objects under a prefix, and when the newest was stored (milliseconds since 1970). */
interface Stored {
  readonly objects: number;
  readonly newestMs: number;
}

async function storedUnder(prefix: string): Promise<Stored> {
  const times: number[] = [];
  for await (const item of minioClient().listObjectsV2(minio.bucket, `${prefix}/`, true)) {
    const { name = "", lastModified } = item as { name?: string; lastModified?: Date };
    // 0.5.17 merges what it has stored into higher levels as time goes by; that is not shipping.
    if (/\/wal\/|\/0000\//.test(name) && lastModified !== undefined) times.push(lastModified.getTime());
  }
  return { objects: times.length, newestMs: times.reduce((newest, time) => Math.max(newest, time), 0) };
}

/** Seconds from the store's return to the last object. What is stored then is restored and compared. */
async function recovery(who: Contender, proxy: FaultProxy, folder: string, prefix: string) {
  fs.mkdirSync(folder, { recursive: true });
  const database = path.join(folder, "bench.db");
  await runWriter(database, { seconds: 0.1, rate: 0 });
  const place: Place = { kind: "s3", endpoint: proxy.endpoint, prefix };
  const config = configure(who, path.join(folder, "bench.yml"), [{ path: database, place }], { syncIntervalMs: 1000 });
  await using running = await replicate(who, config);
  await pause(3000);
  await proxy.down();
  await runWriter(database, { seconds: WRITE_SECONDS, rate: 0 });
  const walMb = fs.statSync(`${database}-wal`).size / MIB;
  const beganMs = Date.now();
  await proxy.up();
  let last: Stored = { objects: 0, newestMs: 0 };
  for (let quietSince = performance.now(); performance.now() - quietSince < QUIET_MS;) {
    await pause(250);
    const now = await storedUnder(prefix);
    if (now.objects !== last.objects || now.newestMs !== last.newestMs) quietSince = performance.now();
    last = now;
  }
  await running.kill9();
  const scratch = path.join(folder, "scratch");
  const output = path.join(scratch, "back.db");
  fs.mkdirSync(scratch);
  await measured(restoreCommand(who, place, output, scratch), who.environment);
  if (contentOf(output) !== contentOf(database)) throw new Error(`${who.name}: not all of it was stored`);
  fs.rmSync(folder, { recursive: true });
  return { walMb, seconds: (last.newestMs - beganMs) / 1000 };
}

export const backlog: Scenario = {
  name: "backlog",
  about: `until all is in S3 with ${LATENCY_MS} ms that was written while it was away`,
  servers: true,
  async run({ rounds, folder, say }: Run): Promise<Figure[]> {
    await using proxy = await faultProxy(new URL(minio.endpoint).host);
    await proxy.add({ type: "latency", attributes: { latency: LATENCY_MS } });
    const took = new Rounds();
    for (let round = 0; round < rounds; round++) {
      for (const who of await contenders(["litewake", "0.3.13", "0.5.17"])) {
        const name = `${who.name}-${round}`;
        const prefix = `bench/backlog-${Date.now()}-${name}`;
        const { walMb, seconds } = await recovery(who, proxy, path.join(folder, name), prefix);
        took.add(who.name, seconds);
        say(`${who.name}: ${seconds.toFixed(2)} s, the WAL has ${Math.round(walMb)} MB`);
      }
    }
    const what = `${WRITE_SECONDS} s at full speed with S3 away, until all is stored`;
    return [
      took.figure({ scenario: "backlog", what, unit: "s" }, took.ratio("litewake", "0.3.13"), {
        op: "<=",
        value: 1,
        of: "× 0.3.13",
      }),
    ];
  },
};

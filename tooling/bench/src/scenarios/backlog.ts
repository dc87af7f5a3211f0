// How fast what has piled up is shipped: the program is stopped while a writer is at full speed, and goes on when it has ended.
import fs from "node:fs";
import path from "node:path";
import { runToEnd } from "@litewake-tooling/testkit";
import { faultProxy, minio, minioClient } from "@litewake-tooling/emulators";
import { contentOf } from "../content.ts";
import { configure, type Contender, contenders, type Place, replicate, restoreCommand } from "../contenders.ts";
import { type Figure, Rounds } from "../figures.ts";
import { measured, pause } from "../process.ts";
import type { Run, Scenario } from "../scenario.ts";

const writer = path.join(import.meta.dirname, "../writer.ts");
const LATENCY_MS = 20;
const WRITE_SECONDS = 2;
const MIB = 1 << 20;
/** Nothing new for so long: all is there. */
const QUIET_MS = 4000;

/** Objects of a replica, and when the newest was stored (milliseconds since 1970). */
interface Stored {
  readonly objects: number;
  readonly newestMs: number;
}

async function storedIn(place: Place): Promise<Stored> {
  const times: number[] = [];
  // 0.5.17 merges what it has stored into higher levels as time goes by; that is not shipping.
  const counts = (name: string): boolean => /\/wal\/|ltx\/0\//.test(name);
  if (place.kind === "file") {
    const names = fs.existsSync(place.folder)
      ? fs.readdirSync(place.folder, { recursive: true, encoding: "utf8" })
      : [];
    for (const name of names.filter(counts)) {
      const stat = fs.statSync(path.join(place.folder, name), { throwIfNoEntry: false });
      if (stat?.isFile() === true) times.push(stat.mtimeMs);
    }
  } else {
    for await (const item of minioClient().listObjectsV2(minio.bucket, `${place.prefix}/`, true)) {
      const { name = "", lastModified } = item as { name?: string; lastModified?: Date };
      if (counts(name) && lastModified !== undefined) times.push(lastModified.getTime());
    }
  }
  return { objects: times.length, newestMs: times.reduce((newest, time) => Math.max(newest, time), 0) };
}

/** Megabytes of WAL (2^20 bytes) a second, from the moment at which the program goes on to the last object. */
async function shipped(who: Contender, place: Place, folder: string): Promise<{ mb: number; perSecond: number }> {
  fs.mkdirSync(folder, { recursive: true });
  const database = path.join(folder, "bench.db");
  const write = async (seconds: number): Promise<void> => {
    const { code, stderr } = await runToEnd(process.execPath, [writer, database, String(seconds), "0"]);
    if (code !== 0) throw new Error(`the writer ended with ${code}: ${stderr}`);
  };
  await write(0.1);
  const config = configure(who, path.join(folder, "bench.yml"), [{ path: database, place }], { syncIntervalMs: 1000 });
  await using running = await replicate(who, config);
  await pause(3000);
  process.kill(running.pid, "SIGSTOP");
  const before = fs.statSync(`${database}-wal`).size;
  await write(WRITE_SECONDS);
  const mb = (fs.statSync(`${database}-wal`).size - before) / MIB;
  const beganMs = Date.now();
  process.kill(running.pid, "SIGCONT");
  let last: Stored = { objects: 0, newestMs: 0 };
  for (let quietSince = performance.now(); performance.now() - quietSince < QUIET_MS;) {
    await pause(250);
    const now = await storedIn(place);
    if (now.objects !== last.objects || now.newestMs !== last.newestMs) quietSince = performance.now();
    last = now;
  }
  await running.kill9();
  const output = path.join(folder, "back.db");
  const scratch = path.join(folder, "scratch");
  fs.mkdirSync(scratch);
  // The name of the database is the one that the replica was made under.
  await measured(restoreCommand(who, place, output, scratch), who.environment);
  if (contentOf(output) !== contentOf(database)) throw new Error(`${who.name}: not all of it was shipped`);
  fs.rmSync(folder, { recursive: true });
  return { mb, perSecond: (mb * 1000) / (last.newestMs - beganMs) };
}

export const backlog: Scenario = {
  name: "backlog",
  about: "how fast a backlog is shipped, to a folder and to S3",
  servers: true,
  async run({ rounds, folder, say }: Run): Promise<Figure[]> {
    await using proxy = await faultProxy(new URL(minio.endpoint).host);
    await proxy.add({ type: "latency", attributes: { latency: LATENCY_MS } });
    const figures: Figure[] = [];
    const places: [string, (name: string) => Place][] = [
      ["a folder", (name) => ({ kind: "file", folder: path.join(folder, name, "replica") })],
      [
        `S3 with ${LATENCY_MS} ms`,
        (name) => ({ kind: "s3", endpoint: proxy.endpoint, prefix: `bench/backlog-${Date.now()}-${name}` }),
      ],
    ];
    for (const [where, placeOf] of places) {
      const rate = new Rounds();
      for (let round = 0; round < rounds; round++) {
        for (const who of await contenders(["litewake", "0.3.13", "0.5.17"])) {
          const name = `${who.name}-${round}`;
          const { mb, perSecond } = await shipped(who, placeOf(name), path.join(folder, name));
          rate.add(who.name, perSecond);
          say(`${who.name} to ${where}: ${Math.round(mb)} MB of WAL at ${Math.round(perSecond)} MB/s`);
        }
      }
      const about = { scenario: "backlog", what: `a backlog of WAL to ${where}`, unit: "MB/s" };
      const bound = { op: ">=", value: 1, of: "× 0.3.13" } as const;
      figures.push(rate.figure(about, rate.ratio("litewake", "0.3.13"), bound));
    }
    return figures;
  },
};

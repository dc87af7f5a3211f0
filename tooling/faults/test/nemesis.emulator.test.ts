// The nemesis on a real store: MinIO behind a proxy whose toxics change by seed, and a MinIO that is killed and started again,
// under live writers and a `litewake replicate` that is killed too.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type FaultProxy, faultProxy, minio, OwnMinio, type Toxic } from "@litewake-tooling/emulators";
import {
  compareDatabases,
  type ManagedProcess,
  runLitewake,
  spawnLitewake,
  spawnWriter,
  tempDir,
  type TempDir,
  verifyLedger,
} from "@litewake-tooling/testkit";
import { type Random, seeded } from "@litewake-tooling/testkit/random";
import { afterEach, beforeEach, expect, it } from "vitest";
import { goesThrough, ledgerEnd } from "../src/nemesis/judge.ts";

const SEED = Number(process.env["LITEWAKE_NEMESIS_SEED"] ?? 1);
let folder: TempDir;
let database: string;
let url: string;

beforeEach(() => {
  folder = tempDir("nemesis-s3");
  database = folder.join("app.db");
  url = `s3://${minio.bucket}/nemesis-${randomUUID().slice(0, 8)}`;
});

afterEach(() => folder.remove());

const environment = (endpoint: string) => ({
  LITEWAKE_CONFIG: undefined,
  LITESTREAM_CONFIG: undefined,
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_ACCESS_KEY_ID: minio.accessKeyId,
  AWS_SECRET_ACCESS_KEY: minio.secretAccessKey,
  AWS_REGION: minio.region,
});

const replicate = (endpoint: string): ManagedProcess =>
  spawnLitewake(["replicate", database, url], { cwd: folder.path, env: environment(endpoint) });

async function restoreTo(
  name: string,
  endpoint: string,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const output = folder.join(name);
  const { code } = await runLitewake(["restore", "-patience", "10s", "-o", output, url], {
    cwd: folder.path,
    env: environment(endpoint),
  });
  return { code, output };
}

/** Stops it, and what is restored says the same as the database. */
async function endsWithEverything(running: ManagedProcess, endpoint: string): Promise<void> {
  expect(await running.stop(60_000), running.output()).toEqual({ code: 0, signal: null });
  const { code, output } = await restoreTo("end.db", endpoint);
  expect(code).toBe(0);
  expect(compareDatabases(database, output)).toEqual([]);
  expect(verifyLedger(output).firstBreak).toBeUndefined();
}

const toxics: readonly ((random: Random) => Toxic)[] = [
  (random) => ({ type: "latency", attributes: { latency: 50 + random.below(300), jitter: 100 } }),
  (random) => ({ type: "bandwidth", stream: "upstream", attributes: { rate: 20 + random.below(300) } }),
  () => ({ type: "slicer", attributes: { average_size: 60, size_variation: 30, delay: 500 } }),
  (random) => ({ type: "limit_data", stream: "upstream", attributes: { bytes: 2000 + random.below(60_000) } }),
  (random) => ({ type: "limit_data", attributes: { bytes: random.below(400) } }),
  (random) => ({
    type: "reset_peer",
    stream: random.pick(["upstream", "downstream"] as const),
    toxicity: 0.6,
    attributes: { timeout: random.below(60) },
  }),
  () => ({ type: "timeout", attributes: { timeout: 700 } }),
];

/** One spell of bad weather after the other. */
async function weather(proxy: FaultProxy, spells: number, random: Random): Promise<void> {
  for (let spell = 0; spell < spells; spell++) {
    if (random.below(6) === 0) {
      await proxy.down();
      await sleep(500);
      await proxy.up();
      continue;
    }
    const remove = [await proxy.add(random.pick(toxics)(random))];
    if (random.below(2) === 0) remove.push(await proxy.add(random.pick(toxics)(random)));
    await sleep(700);
    for (const takeAway of remove) await takeAway();
  }
}

it(`a network that does its worst, and a replicator that is killed in it, lose nothing (seed ${SEED})`, async () => {
  const random = seeded(SEED);
  await using proxy = await faultProxy(new URL(minio.endpoint).host);
  await using writer = await spawnWriter("node-sqlite", database, { rate: 100, payloadBytes: 1000, touchEvery: 1 });
  {
    await using running = replicate(proxy.endpoint);
    await running.waitFor(/snapshot written/, 60_000);
    await weather(proxy, 4, random);
    await running.kill9();
  }
  await using running = replicate(proxy.endpoint);
  await weather(proxy, 5, random);
  // What is there at this moment, past the proxy: a state that the database has had.
  const { code, output } = await restoreTo("now.db", minio.endpoint);
  expect(code).toBe(0);
  expect(verifyLedger(output).firstBreak).toBeUndefined();
  expect(goesThrough(database, ledgerEnd(output))).toBe(true);
  await writer.stop();
  await endsWithEverything(running, minio.endpoint);
});

it("a server that is killed and started again, twice, loses nothing", async () => {
  await using server = await OwnMinio.start(folder.join("minio"));
  await using writer = await spawnWriter("node-sqlite", database, { rate: 100, payloadBytes: 1000, touchEvery: 1 });
  await using running = replicate(server.endpoint);
  await running.waitFor(/snapshot written/, 60_000);
  for (let time = 0; time < 2; time++) {
    await writer.reached(writer.committed() + 100);
    const told = running.lines.length;
    await server.kill();
    await running.waitFor(/replica does not take what is shipped/, 60_000, told);
    await server.start();
    await running.waitFor(/replica answers again/, 60_000, told);
  }
  await writer.stop();
  await endsWithEverything(running, server.endpoint);
});

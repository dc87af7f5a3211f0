// Moments that chance finds once in a thousand runs, brought about on purpose: a commit inside a step of the follower, a
// rotation inside a put.
import { DatabaseSync } from "node:sqlite";
import { memoryClient } from "@litewake/conformance";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { overriding } from "../../src/backend/overriding.ts";
import type { FollowerTuning } from "../../src/database/follower-options.ts";
import { silent } from "../../src/logger.ts";
import { restore } from "../../src/restore/restore.ts";
import { Replication } from "../../src/shipping/replication.ts";
import { type Step, watchSteps } from "../../src/steps.ts";

const HOUR_MS = 3_600_000;
let folder: TempDir;
let application: DatabaseSync;

beforeEach(() => {
  folder = tempDir("races");
  application = new DatabaseSync(folder.join("app.db"));
  application.exec("pragma journal_mode=wal; pragma synchronous=off; create table t(n integer primary key, body)");
});

afterEach(() => {
  watchSteps(undefined);
  application.close();
  folder[Symbol.dispose]();
});

const commit = () => application.exec("insert into t(body) values (randomblob(2000))");
const rows = (database: DatabaseSync): unknown => database.prepare("select count(*) as n from t").get()?.["n"];

function start(client: ReplicaClient, tuning: Partial<FollowerTuning>, snapshotIntervalMs = 0): Promise<Replication> {
  const upkeep = { snapshotIntervalMs, retentionMs: 0, retentionCheckIntervalMs: HOUR_MS };
  const replica = { name: "memory", client, syncIntervalMs: 10, ...upkeep };
  return Replication.start({
    databases: [{ path: folder.join("app.db"), replicas: [replica], tuning }],
    logger: silent,
  });
}

async function restoredRows(client: ReplicaClient): Promise<unknown> {
  const output = folder.join("back.db");
  await restore({ replicas: [{ name: "memory", client }], output, integrityCheck: "full" });
  using back = new DatabaseSync(output, { readOnly: true });
  return rows(back);
}

it("a commit between the last look and the freeze for a snapshot is shipped before that snapshot", async () => {
  const client = memoryClient();
  let looks = 0;
  let writing = true;
  watchSteps((step) => {
    // The log was looked at; not each time, since a rotation needs a moment without a commit.
    if (step === "look" && writing && looks++ % 2 > 0) commit();
  });
  const replication = await start(client, { rotateFromBytes: 16 << 10, moveEveryMs: 1000 }, 20);
  const writer = setInterval(commit, 3);
  const snapshots = async (): Promise<number> => {
    let count = 0;
    for await (const { key } of client.list("generations/")) count += key.includes("/snapshots/") ? 1 : 0;
    return count;
  };
  await vi.waitFor(async () => expect(await snapshots()).toBeGreaterThan(20), { timeout: 20_000, interval: 20 });
  clearInterval(writer);
  writing = false;
  await replication.stop();
  expect(await restoredRows(client)).toBe(rows(application));
});

it("a rotation while the first segment of an index that the snapshot covers is being stored keeps that segment's name", async () => {
  for (let n = 0; n < 20; n++) commit();
  const memory = memoryClient();
  let begun: () => void = () => {};
  const storing = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let goOn: () => void = () => {};
  const rotated = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const client = overriding(memory, {
    put: async (key, body, options) => {
      if (!key.endsWith("/wal/00000000_00000000.wal.lz4")) return memory.put(key, body, options);
      const chunks: Uint8Array[] = [];
      if (body instanceof Uint8Array) chunks.push(body);
      else for await (const chunk of body) chunks.push(chunk.slice());
      begun();
      await rotated;
      return memory.put(key, Buffer.concat(chunks), options);
    },
  });
  const steps: Step[] = [];
  watchSteps((step) => steps.push(step));
  const replication = await start(client, {
    rotateFromBytes: 4096,
    moveEveryMs: 1,
  });
  await storing;
  // The follower holds mark 0 and all is written back, so the next commit restarts the WAL.
  expect(steps).not.toContain("bridge:released");
  commit();
  await vi.waitFor(() => expect(steps).toContain("bridge:released"), { timeout: 10_000, interval: 5 });
  goOn();
  for (let n = 0; n < 20; n++) commit();
  await replication.sync();
  expect(replication.failure).toBeUndefined();
  await replication.stop();
  expect(await restoredRows(memory)).toBe(41);
});

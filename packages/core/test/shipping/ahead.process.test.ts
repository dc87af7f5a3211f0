// A long backlog is prepared by a thread while the segment before is put. What is stored must be what it would be without: one
// put at a time, each where the last one ended, and nothing of what was prepared in vain.
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryClient } from "@litewake/conformance";
import { compareDatabases, spawnWriter, tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { ReplicaError } from "../../src/backend/error.ts";
import { overriding } from "../../src/backend/overriding.ts";
import type { FollowerTuning } from "../../src/database/follower-options.ts";
import { silent } from "../../src/logger.ts";
import { segmentsInMemory } from "../../src/shipping/segment-ahead.ts";
import { restore } from "../../src/restore/restore.ts";
import { Replication } from "../../src/shipping/replication.ts";
import { type Step, watchSteps } from "../../src/steps.ts";

const HOUR_MS = 3_600_000;
const MIB = 1 << 20;
const BACKLOG_MIB = 96;

let folder: TempDir;
let database: string;
let steps: Map<Step, number>;

beforeEach(() => {
  folder = tempDir("ahead");
  database = folder.join("app.db");
  steps = new Map();
  watchSteps((step) => void steps.set(step, (steps.get(step) ?? 0) + 1));
});

afterEach(() => {
  watchSteps(undefined);
  folder[Symbol.dispose]();
});

const commit = async (commits: number, payloadBytes: number): Promise<void> =>
  void (await (await spawnWriter("node-sqlite", database, { commits, payloadBytes, synchronous: "off" })).finished());

/** What is behind stays in the WAL: nothing of it is kept beside it. */
const UNSPOOLED = { spoolLimitBytes: MIB };

/** Commits of half a megabyte. */
const backlog = (mebibytes = BACKLOG_MIB): Promise<void> => commit(mebibytes * 2, MIB / 2);

function start(client: ReplicaClient, tuning: Partial<FollowerTuning> = {}): Promise<Replication> {
  const upkeep = { snapshotIntervalMs: 0, retentionMs: 0, retentionCheckIntervalMs: HOUR_MS };
  const replica = { name: "memory", client, syncIntervalMs: 10, ...upkeep };
  return Replication.start({
    databases: [{ path: database, replicas: [replica], tuning: { retryWait: () => 5, ...tuning } }],
    logger: silent,
  });
}

/** A store that can be told to be away, and whose puts of segments `around` may disturb. */
function disturbed(
  inner: ReplicaClient,
  around: (key: string, put: () => Promise<unknown>) => Promise<unknown>,
): { client: ReplicaClient; away: boolean } {
  const unavailable = () => new ReplicaError({ code: "Unavailable", operation: "put", reason: "nobody is there" });
  const state = {
    away: false,
    client: overriding(inner, {
      put: async (key, body, options) => {
        if (state.away) throw unavailable();
        const put = () => inner.put(key, body, options);
        return (key.includes("/wal/") ? await around(key, put) : await put()) as Awaited<ReturnType<typeof put>>;
      },
    }),
  };
  return state;
}

/** What is written while the store is away. */
async function leftBehind(target: { away: boolean }, mebibytes?: number): Promise<void> {
  target.away = true;
  await backlog(mebibytes);
  target.away = false;
}

async function expectRestored(client: ReplicaClient): Promise<void> {
  const output = folder.join("back.db");
  await restore({ replicas: [{ name: "memory", client }], output, integrityCheck: "full" });
  expect(compareDatabases(database, output)).toEqual([]);
}

const generationsOf = (store: MemoryClient): Set<string | undefined> =>
  new Set([...store.objects.keys()].map((key) => key.split("/")[1]));

it("is stored in order, one put at a time, and restores", async () => {
  const store = new MemoryClient();
  const keys: string[] = [];
  let underWay = 0;
  let most = 0;
  const target = disturbed(store, async (key, put) => {
    keys.push(key);
    most = Math.max(most, ++underWay);
    await sleep(20);
    return put().finally(() => underWay--);
  });
  await commit(3, 100);
  const replication = await start(target.client, UNSPOOLED);
  await replication.sync();
  await leftBehind(target);
  await replication.sync();
  expect(steps.get("segment:ahead")).toBeGreaterThan(0);
  await replication.stop();
  expect(most).toBe(1);
  expect(keys).toEqual(keys.toSorted());
  expect(generationsOf(store).size).toBe(1);
  await expectRestored(store);
});

it("survives refusals and lost answers, which leave nothing prepared behind that could be put in vain", async () => {
  const store = new MemoryClient();
  let calls = 0;
  const target = disturbed(store, async (_key, put) => {
    calls += 1;
    const refused = new ReplicaError({ code: "Unavailable", operation: "put", reason: "try again" });
    if (calls % 3 === 1) throw refused;
    const stored = await put();
    if (calls % 3 === 2) throw refused;
    return stored;
  });
  await commit(3, 100);
  const replication = await start(target.client, UNSPOOLED);
  await replication.sync();
  for (let n = 0; n < 2; n++) {
    await leftBehind(target);
    await replication.sync();
  }
  expect(steps.get("segment:ahead")).toBeGreaterThan(0);
  await replication.stop();
  expect(generationsOf(store).size).toBe(1);
  await expectRestored(store);
});

it("goes on while the WAL is begun anew again and again under the thread that reads it", async () => {
  const store = new MemoryClient();
  const indexes = new Set<string>();
  const target = disturbed(store, async (key, put) => {
    indexes.add(key.split("/").at(-1)?.slice(0, 8) ?? "");
    await sleep(60);
    return put();
  });
  await commit(3, 100);
  const replication = await start(target.client, { rotateFromBytes: 4 * MIB, sealFromBytes: 8 * MIB });
  for (let n = 0; n < 3; n++) {
    await leftBehind(target, 80);
    // What is left fits beside the WAL after a segment or two, and the next of these commits may write over what is being read.
    for (let m = 0; m < 4; m++) await commit(3, 20_000);
  }
  await replication.sync();
  expect(steps.get("segment:ahead")).toBeGreaterThan(0);
  expect(indexes.size).toBeGreaterThan(1);
  await replication.stop();
  expect(generationsOf(store).size).toBe(1);
  await expectRestored(store);
}, 120_000);

it("that is broken off again and again is taken up where it was, and the memory of what was prepared is free again", async () => {
  const store = new MemoryClient();
  let onStored: () => void = () => {};
  const target = disturbed(store, async (_key, put) => {
    const stored = await put();
    onStored();
    return stored;
  });
  await commit(3, 100);
  for (let n = 0; n < 5; n++) {
    const replication = await start(target.client, UNSPOOLED);
    await replication.sync();
    await leftBehind(target, 64);
    // Stopped when a segment has been stored, and the next is prepared: nobody will ask for it.
    await new Promise<void>((resolve) => {
      let puts = 0;
      onStored = () => {
        if (++puts === 2) resolve(replication.stop({ signal: AbortSignal.abort() }).catch(() => {}));
      };
    });
    onStored = () => {};
    await expect.poll(segmentsInMemory, { timeout: 30_000 }).toBe(0);
  }
  const last = await start(target.client);
  await last.sync();
  await last.stop();
  expect(steps.get("segment:ahead")).toBeGreaterThan(0);
  expect(generationsOf(store).size).toBe(1);
  await expectRestored(store);
}, 120_000);

it("tries no rotation, and writes back seldom, while too much is unshipped for one", async () => {
  const store = new MemoryClient();
  const target = disturbed(store, (_key, put) => put());
  await commit(3, 100);
  const replication = await start(target.client, { ...UNSPOOLED, rotateFromBytes: MIB, sealFromBytes: 2 * MIB });
  await replication.sync();
  target.away = true;
  await backlog(8);
  await using writer = await spawnWriter("node-sqlite", database, { rate: 500, payloadBytes: 10_000 });
  await writer.reached(100);
  const before = {
    passive: steps.get("passive") ?? 0,
    tries: steps.get("bridge:mark0"),
    seals: steps.get("seal:begun"),
  };
  await sleep(2000);
  // At each look it would be some forty a second.
  expect((steps.get("passive") ?? 0) - before.passive).toBeLessThan(20);
  expect(steps.get("bridge:mark0")).toBe(before.tries);
  expect(steps.get("seal:begun")).toBe(before.seals);
  await writer.stop();
  target.away = false;
  await replication.sync();
  await replication.stop();
  expect(generationsOf(store).size).toBe(1);
  await expectRestored(store);
});

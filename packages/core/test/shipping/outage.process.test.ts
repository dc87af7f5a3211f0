// A store that is away for hours, with the waits between tries made short: shipping goes on by itself, holds nothing in memory,
// tries ever more seldom, and loses nothing.
import { setTimeout as sleep } from "node:timers/promises";
import { memoryClient } from "@litewake/conformance";
import { spawnWriter, tempDir, verifyLedger } from "@litewake-tooling/testkit";
import { expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { ReplicaError } from "../../src/backend/error.ts";
import { overriding } from "../../src/backend/overriding.ts";
import { silent } from "../../src/logger.ts";
import { restore } from "../../src/restore/restore.ts";
import { Replication } from "../../src/shipping/replication.ts";

const HOUR_MS = 3_600_000;
const NO_UPKEEP = { snapshotIntervalMs: 0, retentionMs: 0, retentionCheckIntervalMs: HOUR_MS };

/** A store that answers nothing while `isAway()`. */
function awayWhile(client: ReplicaClient, isAway: () => boolean): ReplicaClient {
  const answer = (operation: "list" | "get" | "put" | "delete"): void => {
    if (isAway()) throw new ReplicaError({ code: "Unavailable", operation, reason: "nobody is there" });
  };
  return overriding(client, {
    async *list(prefix, options) {
      answer("list");
      yield* client.list(prefix, options);
    },
    async get(key, options) {
      answer("get");
      return client.get(key, options);
    },
    async put(key, body, options) {
      answer("put");
      return client.put(key, body, options);
    },
    async delete(keys, options) {
      answer("delete");
      return client.delete(keys, options);
    },
  });
}

it("is no more than a delay", async () => {
  using folder = tempDir("outage");
  const database = folder.join("app.db");
  const store = memoryClient();
  const waits: number[] = [];
  const waited = (): number => waits.reduce((sum, ms) => sum + ms, 0);
  let away = false;
  await using writer = await spawnWriter("node-sqlite", database, { rate: 200, payloadBytes: 4000, reportEvery: 10 });
  await writer.reached(50);
  const target = { name: "memory", client: awayWhile(store, () => away), syncIntervalMs: 20, ...NO_UPKEEP };
  const retryWait = (ms: number): number => {
    waits.push(ms);
    return 20;
  };
  const replication = await Replication.start({
    databases: [{ path: database, replicas: [target], tuning: { retryWait } }],
    logger: silent,
  });
  try {
    await replication.sync();
    away = true;
    await expect.poll(waited, { timeout: 60_000 }).toBeGreaterThan(2 * HOUR_MS);
    const [status] = replication.status[0]?.replicas ?? [];
    expect(status).toMatchObject({ state: "retrying", error: expect.stringContaining("nobody is there") });
    expect(status?.pendingBytes).toBeGreaterThan(1 << 20);
    // Twice as long each time, up to half a minute, and never quite the same.
    expect(waits.slice(0, 5).every((ms, n) => ms <= 500 * 2 ** n && ms >= 250 * 2 ** n)).toBe(true);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(new Set(waits.slice(-20)).size).toBe(20);
    away = false;
    await writer.stop();
    await replication.sync();
  } finally {
    await replication.stop();
  }
  const output = folder.join("restored.db");
  await restore({ replicas: [{ name: "memory", client: store }], output });
  expect(verifyLedger(output)).toMatchObject({ ok: true, lastSeq: verifyLedger(database).lastSeq });
});

it("that a replica was let go for does not let it go again for what the snapshot of its new history holds", async () => {
  using folder = tempDir("let-go");
  const database = folder.join("app.db");
  const store = memoryClient();
  const slow = overriding(store, {
    async put(key, body, options) {
      if (key.includes("/snapshots/")) await sleep(500);
      return store.put(key, body, options);
    },
  });
  let away = false;
  let letGo = 0;
  await using writer = await spawnWriter("node-sqlite", database, { rate: 100, payloadBytes: 4000, reportEvery: 10 });
  await writer.reached(50);
  const target = { name: "memory", client: awayWhile(slow, () => away), syncIntervalMs: 20, ...NO_UPKEEP };
  // The WAL does not begin anew, so it stays longer than it may be.
  const tuning = { rotateFromBytes: 1 << 30, sealFromBytes: Infinity, retryWait: () => 20 };
  const replication = await Replication.start({
    databases: [{ path: database, replicas: [target], maxWalBytes: 2 << 20, tuning }],
    logger: (_level, message) => {
      if (message.includes("max-wal")) letGo += 1;
    },
  });
  try {
    await replication.sync();
    away = true;
    await expect.poll(() => letGo, { timeout: 60_000 }).toBe(1);
    away = false;
    await writer.reached(writer.committed() + 20);
    await writer.stop();
    await replication.sync({ signal: AbortSignal.timeout(30_000) });
    expect(letGo).toBe(1);
  } finally {
    await replication.stop();
  }
  const output = folder.join("restored.db");
  await restore({ replicas: [{ name: "memory", client: store }], output });
  expect(verifyLedger(output)).toMatchObject({ ok: true, lastSeq: verifyLedger(database).lastSeq });
});

// The follower is killed with SIGKILL at random, under a writer; each restore holds an unbroken prefix of the commits and
// everything that the replica had acknowledged.
import { setTimeout as sleep } from "node:timers/promises";
import { spawnWriter, tempDir, type WriterOptions } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { expectSame, generationsIn, ledgerIn, startReplicator } from "../fixtures/replica-run.ts";

/** Every so many kills the replica is restored; always at the end. */
const RESTORE_EACH = 5;

interface Siege {
  readonly kills: number;
  readonly writer: WriterOptions;
  /** The replicator lives so long before it is killed; milliseconds. */
  readonly livesMs: readonly [number, number];
}

async function siege({ kills, writer: options, livesMs }: Siege) {
  using folder = tempDir("kill");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  const settings = { database, replicas: [`file://${replica}`], syncIntervalMs: 100 };
  await using writer = await spawnWriter("node-sqlite", database, { busyTimeoutMs: 10_000, ...options });
  const reasons: string[] = [];
  let newest = 0;
  let acknowledged = 0;
  for (let kill = 1; kill <= kills; kill++) {
    await using replicator = await startReplicator(settings);
    const [least, most] = livesMs;
    await sleep(least + Math.random() * (most - least));
    if (kill % RESTORE_EACH === 0) {
      // What a sync has acknowledged is in the replica, whatever happens next.
      const before = writer.committed();
      await replicator.synced();
      acknowledged = before;
    }
    await replicator.process.kill9();
    reasons.push(...replicator.reasons);
    if (kill % RESTORE_EACH !== 0) continue;
    const last = await ledgerIn(replica);
    expect(last).toBeGreaterThanOrEqual(acknowledged);
    expect(last).toBeGreaterThanOrEqual(newest);
    newest = last;
  }
  await using replicator = await startReplicator(settings);
  await writer.stop();
  await replicator.stop();
  reasons.push(...replicator.reasons);
  await expectSame(database, replica);
  return { generations: generationsIn(replica).length, reasons };
}

describe("killed with SIGKILL again and again", () => {
  it("at 40 transactions a second, the same generation goes on every time", async () => {
    const { generations, reasons } = await siege({
      kills: 30,
      livesMs: [100, 700],
      writer: { rate: 40, rows: 2, touchEvery: 3 },
    });
    expect(generations, reasons.join("; ")).toBe(1);
  });

  it("at full speed, a new generation begins only where the evidence was overwritten", async () => {
    const { reasons } = await siege({
      kills: 20,
      livesMs: [100, 700],
      writer: { rate: 0, synchronous: "full", reportEvery: 100 },
    });
    const [first, ...later] = reasons;
    expect(first).toBe("the replica holds no generation yet");
    for (const reason of later) {
      expect(reason).toMatch(/^the WAL was restarted|^the old WAL|^the replica holds no generation yet$/);
    }
  });
});

// Rotation under attack: nothing is lost, no new generation begins, and the application does not feel it.
import { setTimeout as sleep } from "node:timers/promises";
import {
  cpuHogs,
  phantomCommit,
  spawnCheckpointer,
  spawnDataVersionWatcher,
  spawnLongReader,
  spawnWriter,
  tempDir,
  type WriterOptions,
} from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { expectSame, generationsIn, ledgerIn, objectsIn, startReplicator } from "../fixtures/replica-run.ts";
import type { ReplicatorOptions } from "../fixtures/replicator.ts";

const KIB = 1024;
/** Small enough that a few seconds hold dozens of rotations. */
const often = { rotateFromBytes: 200 * KIB, sealFromBytes: 1024 * KIB };
const optimisticOnly = { rotateFromBytes: 100 * KIB, sealFromBytes: Number.MAX_SAFE_INTEGER };

interface Attack extends Omit<ReplicatorOptions, "database" | "replicas"> {
  readonly writers: readonly WriterOptions[];
  readonly seconds: number;
  readonly beside?: (database: string) => Promise<AsyncDisposable>;
}

/** Runs writers beside a disturbed replicator, stops both, and compares what is restored with what is there. */
async function survive({ writers, seconds, beside, ...options }: Attack) {
  using folder = tempDir("rotation");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  const [first, ...more] = writers;
  const running = [await spawnWriter("node-sqlite", database, { reportEvery: 50, ...first })];
  await using replicator = await startReplicator({ database, replicas: [`file://${replica}`], ...options });
  for (const writer of more) running.push(await spawnWriter("node-sqlite", database, { reportEvery: 50, ...writer }));
  {
    await using _company = await beside?.(database);
    await sleep(seconds * 1000);
  }
  const reports = [];
  for (const writer of running) reports.push(await writer.stop());
  const stopped = await replicator.stop();
  await expectSame(database, replica);
  expect(generationsIn(replica), replicator.reasons.join("; ")).toHaveLength(1);
  return { reports, stopped, indexes: indexesIn(replica), replicator };
}

function indexesIn(replica: string): number {
  return new Set(objectsIn(replica, "/wal/").map((name) => name.split("/").at(-1)?.slice(0, 8))).size;
}

const settings = { mixed: { rows: 3, payloadBytes: 700, touchEvery: 5 } } as const;

describe("rotation", () => {
  it("loses nothing with the follower stalled inside each step", async () => {
    const { stopped, indexes } = await survive({
      seconds: 8,
      tuning: often,
      disturb: { how: "stall", upToMs: 300, everyMs: 120 },
      writers: [{ ...settings.mixed, rate: 1500 }],
    });
    expect(indexes).toBeGreaterThan(3);
    for (const step of ["bridge:mark0", "bridge:entered", "bridge:marked", "move:marked", "passive", "seal:begun"]) {
      expect(Object.keys(stopped.disturbed ?? {})).toContain(step);
    }
  });

  it("loses nothing with the follower stopped (SIGSTOP) inside each step", async () => {
    const { indexes } = await survive({
      seconds: 8,
      tuning: often,
      disturb: { how: "stop", upToMs: 400, everyMs: 200 },
      writers: [{ ...settings.mixed, rate: 800 }],
    });
    expect(indexes).toBeGreaterThan(3);
  });

  it("loses nothing when the processors are starved", async () => {
    await using _hogs = await cpuHogs(4);
    const { indexes } = await survive({ seconds: 6, tuning: often, writers: [{ ...settings.mixed, rate: 500 }] });
    expect(indexes).toBeGreaterThan(1);
  });

  it("loses nothing beside a long reader, an autocheckpoint of one page and a journal_size_limit", async () => {
    await survive({
      seconds: 6,
      tuning: often,
      disturb: { how: "stall", upToMs: 200, everyMs: 150 },
      writers: [
        { ...settings.mixed, rate: 200, autocheckpoint: 1, journalSizeLimit: 0, busyTimeoutMs: 20_000 },
        { ...settings.mixed, rate: 100, autocheckpoint: 1, journalSizeLimit: 40_000, busyTimeoutMs: 20_000 },
      ],
      beside: (database) => spawnLongReader(database, { holdMs: 500, pauseMs: 20 }),
    });
  });

  it("loses nothing beside PASSIVE, FULL, RESTART and TRUNCATE all the time, with the follower stalled", async () => {
    await survive({
      seconds: 6,
      tuning: often,
      disturb: { how: "stall", upToMs: 150, everyMs: 150 },
      writers: [{ ...settings.mixed, rate: 300, busyTimeoutMs: 20_000 }],
      beside: (database) => spawnCheckpointer(database, { everyMs: 20, busyTimeoutMs: 2000 }),
    });
  });

  it("lets somebody else's RESTART and TRUNCATE through: none of them times out", async () => {
    using folder = tempDir("yield");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await using writer = await spawnWriter("node-sqlite", database, {
      rate: 200,
      journalSizeLimit: 0,
      autocheckpoint: 1,
      busyTimeoutMs: 20_000,
    });
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    await using checkpointer = await spawnCheckpointer(database, {
      modes: "RESTART,TRUNCATE",
      everyMs: 30,
      busyTimeoutMs: 5000,
    });
    await sleep(5000);
    const report = await checkpointer.stop();
    await writer.stop();
    await replicator.stop();
    // Without the yield they wait for our mark until their timeout ends. (Busy at once, without any wait, is what two
    // checkpoints at the same moment are in SQLite alone.)
    expect(report.done).toBeGreaterThan(10);
    expect(report.longestMs).toBeLessThan(5000);
    await expectSame(database, replica);
    expect(generationsIn(replica)).toHaveLength(1);
  });

  it("without the sealed rung never makes a writer with busy_timeout 0 fail", async () => {
    const { reports, indexes } = await survive({
      seconds: 6,
      tuning: optimisticOnly,
      writers: [{ rate: 100, rows: 3, payloadBytes: 2000, busyTimeoutMs: 0 }],
    });
    expect(reports[0]?.errors).toEqual({});
    expect(indexes).toBeGreaterThan(2);
  });

  it("without the sealed rung never makes a deferred transaction fail", async () => {
    const { reports, indexes } = await survive({
      seconds: 6,
      tuning: optimisticOnly,
      writers: [{ rate: 100, rows: 3, payloadBytes: 2000, begin: "deferred", busyTimeoutMs: 10_000 }],
    });
    expect(reports[0]?.errors).toEqual({});
    expect(indexes).toBeGreaterThan(2);
  });

  it("changes data_version no more often than there are commits and restarts", async () => {
    using folder = tempDir("data-version");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const writer = await spawnWriter("node-sqlite", database, {
      rate: 40,
      rows: 3,
      payloadBytes: 3000,
      autocheckpoint: 0,
    });
    await using replicator = await startReplicator({
      database,
      replicas: [`file://${replica}`],
      tuning: optimisticOnly,
    });
    await using watcher = await spawnDataVersionWatcher(database, { everyMs: 1 });
    await sleep(5000);
    const { commits } = await writer.stop();
    const { changes } = await watcher.stop();
    await replicator.stop();
    const restarts = indexesIn(replica) - 1;
    expect(restarts).toBeGreaterThan(0);
    expect(changes).toBeGreaterThan(0);
    expect(changes).toBeLessThanOrEqual(commits + restarts);
  });
});

describe("the end of the log", () => {
  it("is SQLite's own: a commit that its writer did not live to publish is not shipped", async () => {
    using folder = tempDir("phantom");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const commit = async (commits: number) => (await spawnWriter("node-sqlite", database, { commits })).finished();
    await commit(3);
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    await commit(2);
    await replicator.synced();
    const { frames } = await phantomCommit(database, "insert into touched values (99, 99)");
    expect(frames).toBeGreaterThan(0);
    await replicator.synced();
    expect(await ledgerIn(replica)).toBe(5);
    await commit(14);
    await replicator.stop();
    // A reader that trusts the file ships the phantom, then waits for ever behind it: 7 rows of 20 in the prototype.
    expect(await ledgerIn(replica)).toBe(19);
    await expectSame(database, replica);
  });
});

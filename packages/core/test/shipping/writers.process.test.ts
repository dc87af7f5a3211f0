// Applications of several languages and habits: what is restored is what they wrote, and a new generation has its reason.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  spawnLongReader,
  spawnWriter,
  tempDir,
  writerKinds,
  type WriterKind,
  type WriterOptions,
} from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { expectSame, generationsIn, startReplicator } from "../fixtures/replica-run.ts";

const RUN_MS = 1500;

async function follow(
  kind: WriterKind,
  options: WriterOptions,
  besides?: (database: string) => Promise<AsyncDisposable>,
) {
  using folder = tempDir("writers");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  const writer = await spawnWriter(kind, database, {
    rate: 150,
    rows: 3,
    touchEvery: 4,
    payloadBytes: 600,
    busyTimeoutMs: 10_000,
    ...options,
  });
  await using replicator = await startReplicator({
    database,
    replicas: [`file://${replica}`],
    tuning: { rotateFromBytes: 200_000 },
  });
  {
    await using _beside = await besides?.(database);
    await sleep(RUN_MS);
  }
  const { commits, errors } = await writer.stop();
  await replicator.stop();
  expect(commits).toBeGreaterThan(10);
  await expectSame(database, replica);
  expect(generationsIn(replica)).toHaveLength(replicator.reasons.length);
  return { errors, reasons: replicator.reasons };
}

describe.each(writerKinds)("an application on %s", (kind) => {
  it("is followed with its own checkpoints on", async () => {
    const { reasons } = await follow(kind, {});
    expect(reasons).toHaveLength(1);
  });

  it("is followed while it checkpoints with TRUNCATE and RESTART all the time", async () => {
    const { reasons } = await follow(kind, { checkpoint: kind === "shell" ? "RESTART:50" : "TRUNCATE:50" });
    expect(reasons).toHaveLength(1);
  });
});

describe("an application", () => {
  it("is followed while it closes and opens its connection again and again", async () => {
    const { reasons } = await follow("node-sqlite", { reopenEvery: 10 });
    expect(reasons).toHaveLength(1);
  });

  it("is followed beside a long reader", async () => {
    const { reasons } = await follow("python", {}, (database) =>
      spawnLongReader(database, { holdMs: 700, pauseMs: 50 }),
    );
    expect(reasons).toHaveLength(1);
  });

  it.each([512, 65_536])("is followed with pages of %i bytes", async (pageSize) => {
    const { reasons } = await follow("node-sqlite", { pageSize });
    expect(reasons).toHaveLength(1);
  });

  it("is switched to WAL mode when it is not in it, and the log says so", async () => {
    using folder = tempDir("delete-mode");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const writer = await spawnWriter("node-sqlite", database, { journalMode: "delete", commits: 5 });
    await writer.finished();
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    const said = replicator.events.find(({ message }) => message?.startsWith("journal mode changed"));
    expect(said).toMatchObject({ level: "warn", before: "delete" });
    await replicator.stop();
    await expectSame(database, replica);
  });
});

describe("an application that closes last, after the replicator", () => {
  it("leaves a database whose next start goes on in the same generation", async () => {
    using folder = tempDir("closes-last");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const settings = { database, replicas: [`file://${replica}`] };
    const writer = await spawnWriter("node-sqlite", database, { rate: 100 });
    const first = await startReplicator(settings);
    await sleep(500);
    writer.process.pause();
    await first.stop();
    writer.process.resume();
    // Nothing is committed any more: it only closes, and SQLite deletes the WAL then.
    const holder = await spawnLongReader(database, { holdMs: 60_000 });
    await writer.kill();
    await holder.stop();
    await using second = await startReplicator(settings);
    await second.stop();
    await expectSame(database, replica);
    expect(second.reasons.length).toBeLessThanOrEqual(1);
  });

  it("and the WAL is still there after our own stop", async () => {
    using folder = tempDir("keeps-wal");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const settings = { database, replicas: [`file://${replica}`] };
    await (await spawnWriter("node-sqlite", database, { commits: 20 })).finished();
    const first = await startReplicator(settings);
    await (await spawnWriter("node-sqlite", database, { commits: 20 })).finished();
    await first.stop();
    expect(fs.statSync(`${database}-wal`).size).toBeGreaterThan(0);
    const second = await startReplicator(settings);
    expect(second.reasons).toEqual([]);
    await second.stop();
    expect(generationsIn(replica)).toHaveLength(1);
  });
});

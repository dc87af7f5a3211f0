// Both ways with stock Litestream: what we ship they restore, what they ship we restore, byte for byte.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  compareDatabases,
  litestreamVersions,
  memoryBackedDir,
  restoreWith,
  spawnWorkload,
  spawnWriter,
  startLitestreamReplicate,
  tempDir,
  verifyLedger,
} from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { describe, expect, it } from "vitest";
import { readCatalog } from "../../src/replica/catalog.ts";
import { restore } from "../../src/restore/restore.ts";
import type { RestoreTarget } from "../../src/restore/target.ts";
import { generationsIn, objectsIn, restored, startReplicator } from "../fixtures/replica-run.ts";

const open = (folder: string) => file.open({ url: `file://${folder}`, settings: {}, env: {} });
const same = (a: string, b: string) => Buffer.compare(fs.readFileSync(a), fs.readFileSync(b)) === 0;

function indexesOf(folder: string): number {
  return new Set(objectsIn(folder, "/wal/").map((name) => path.basename(name).slice(0, 8))).size;
}

async function ours(folder: string, output: string, target: RestoreTarget = {}): Promise<string> {
  await restore({ replicas: [{ name: "ours", client: await open(folder) }], output, target, integrityCheck: "full" });
  return output;
}

describe("what we ship", () => {
  it.each([512, 4096, 65_536])(
    "both Litestreams restore, at a page size of %i, over several rotations",
    async (pageSize) => {
      using folder = tempDir("interop");
      const database = folder.join("app.db");
      const replica = folder.join("replica");
      await (await spawnWriter("node-sqlite", database, { commits: 1, pageSize })).finished();
      await using replicator = await startReplicator({
        database,
        replicas: [`file://${replica}`],
        tuning: { rotateFromBytes: 100_000 },
      });
      const workload = await spawnWorkload(database, { pageSize, steps: 150, pauseMs: 15, maxBlobBytes: 1_000_000 });
      await workload.finished();
      await replicator.stop();
      expect(indexesOf(replica)).toBeGreaterThan(3);
      expect(generationsIn(replica)).toHaveLength(1);
      const mine = await restored(replica);
      expect(compareDatabases(database, mine)).toEqual([]);
      for (const version of litestreamVersions) {
        const output = folder.join(`restored-${version}.db`);
        await restoreWith(version, replica, output);
        expect(same(output, mine), version).toBe(true);
      }
    },
  );

  it("both restore when one transaction alone is larger than 200 MB", async () => {
    using folder = memoryBackedDir(3 * 2 ** 30);
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await (await spawnWriter("node-sqlite", database, { commits: 1 })).finished();
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    const workload = await spawnWorkload(database, { steps: 12, hugeBytes: 210_000_000, vacuum: "never" });
    await workload.finished();
    await replicator.stop(60_000);
    const mine = folder.join("ours.db");
    await ours(replica, mine);
    expect(fs.statSync(mine).size).toBeGreaterThan(200_000_000);
    for (const version of litestreamVersions) {
      const output = folder.join(`restored-${version}.db`);
      await restoreWith(version, replica, output);
      expect(same(output, mine), version).toBe(true);
      fs.rmSync(output);
    }
    expect(compareDatabases(database, mine)).toEqual([]);
  });

  it("they restore to moments before, during and after a snapshot of ours under load", async () => {
    using folder = tempDir("moments");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await using writer = await spawnWriter("node-sqlite", database, {
      rate: 300,
      rows: 2,
      payloadBytes: 2000,
      touchEvery: 2,
    });
    await using replicator = await startReplicator({
      database,
      replicas: [`file://${replica}`],
      syncIntervalMs: 100,
      snapshotIntervalMs: 1200,
      tuning: { rotateFromBytes: 400_000 },
    });
    await sleep(5000);
    await writer.stop();
    await replicator.stop();
    const snapshots = objectsIn(replica, "/snapshots/").map((name) => path.join(replica, name));
    expect(snapshots.length).toBeGreaterThan(2);
    const segments = objectsIn(replica, "/wal/").map((name) => fs.statSync(path.join(replica, name)).mtimeMs);
    const newest = Math.max(...segments);
    for (const snapshot of snapshots.slice(1)) {
      const taken = fs.statSync(snapshot).mtimeMs;
      for (const at of [taken - 150, taken - 1, taken + 1, taken + 150].filter((ms) => ms < newest)) {
        const moment = new Date(at);
        for (const version of litestreamVersions) {
          const output = folder.join(`at-${version}-${at}.db`);
          await restoreWith(version, replica, output, ["-timestamp", moment.toISOString()]);
          expect(verifyLedger(output).firstBreak, `${version} at ${moment.toISOString()}`).toBeUndefined();
          fs.rmSync(output);
        }
        const mine = await ours(replica, folder.join(`at-${at}.db`), { timestamp: moment });
        expect(verifyLedger(mine).firstBreak).toBeUndefined();
      }
      const index = path.basename(snapshot).slice(0, 8);
      for (const target of [index, (Number.parseInt(index, 16) - 1).toString(16)]) {
        const output = folder.join(`index-${target}.db`);
        await restoreWith("0.3.13", replica, output, ["-index", target]);
        expect(verifyLedger(output).firstBreak, `-index ${target}`).toBeUndefined();
        const mine = await ours(replica, folder.join(`mine-${target}.db`), { index: Number.parseInt(target, 16) });
        expect(same(mine, output)).toBe(true);
        fs.rmSync(output);
        fs.rmSync(mine);
      }
    }
  });
});

describe("what Litestream 0.3.13 ships", () => {
  it("we restore to the same bytes as it does, newest and to an index", async () => {
    using folder = tempDir("theirs");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await (await spawnWriter("node-sqlite", database, { commits: 1 })).finished();
    const theirs = await startLitestreamReplicate("0.3.13", database, replica, {
      databaseSettings: ["min-checkpoint-page-count: 20", "checkpoint-interval: 1s"],
    });
    const workload = await spawnWorkload(database, { steps: 120, pauseMs: 20, maxBlobBytes: 300_000 });
    await workload.finished();
    await sleep(500);
    await theirs.stop();
    expect(indexesOf(replica)).toBeGreaterThan(2);
    const output = folder.join("theirs.db");
    await restoreWith("0.3.13", replica, output);
    const mine = await ours(replica, folder.join("ours.db"));
    expect(same(mine, output)).toBe(true);
    expect(compareDatabases(database, mine)).toEqual([]);
    const atOne = folder.join("theirs-1.db");
    await restoreWith("0.3.13", replica, atOne, ["-index", "1"]);
    expect(same(await ours(replica, folder.join("ours-1.db"), { index: 1 }), atOne)).toBe(true);
  });

  it("we take over: the old history stays restorable, and both restore what we ship after it", async () => {
    using folder = tempDir("takeover");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const settings = { rate: 100, rows: 2 };
    const first = await spawnWriter("node-sqlite", database, settings);
    const theirs = await startLitestreamReplicate("0.3.13", database, replica);
    await sleep(1500);
    await first.stop();
    await sleep(300);
    await theirs.stop();
    const [old] = generationsIn(replica);
    const before = await ours(replica, folder.join("before.db"));
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    const second = await spawnWriter("node-sqlite", database, settings);
    await sleep(1000);
    await second.stop();
    await replicator.stop();
    for (const version of litestreamVersions) {
      const output = folder.join(`after-${version}.db`);
      await restoreWith(version, replica, output);
      expect(compareDatabases(database, output), version).toEqual([]);
    }
    const output = folder.join("old.db");
    await restoreWith("0.3.13", replica, output, ["-generation", String(old)]);
    expect(verifyLedger(output).lastSeq).toBeGreaterThanOrEqual(verifyLedger(before).lastSeq);
  });
});

it("a replica of Litestream 0.5 is recognised and named, never taken for none", async () => {
  using folder = tempDir("ltx");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  const writer = await spawnWriter("node-sqlite", database, { rate: 50 });
  const theirs = await startLitestreamReplicate("0.5.17", database, replica);
  await sleep(1500);
  await writer.stop();
  await theirs.stop();
  expect(await readCatalog(await open(replica))).toMatchObject({ ltx: true, generations: [] });
  await expect(ours(replica, folder.join("ours.db"))).rejects.toMatchObject({
    kind: "usage",
    message: expect.stringContaining("LTX"),
  });
});

// At the edges: replicas that do not answer, a WAL that may not grow for ever, an index that is full, and nothing to do.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { spawnLongReader, spawnWriter, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { expectSame, generationsIn, objectsIn, type Replicator, startReplicator } from "../fixtures/replica-run.ts";

const MIB = 1 << 20;
const commit = async (database: string, commits: number, payloadBytes = 100) =>
  (await spawnWriter("node-sqlite", database, { commits, payloadBytes })).finished();

describe("of two replicas", () => {
  it("one that cannot be reached does not hold up the other, and catches up when it can", async () => {
    using folder = tempDir("two");
    const database = folder.join("app.db");
    const good = folder.join("good");
    // A file where the folder should be.
    fs.writeFileSync(folder.join("blocked"), "");
    const bad = folder.join("blocked", "replica");
    await commit(database, 5);
    await using replicator = await startReplicator({ database, replicas: [`file://${good}`, `file://${bad}`] });
    await commit(database, 20);
    await expect.poll(() => objectsIn(good, "/wal/").length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(replicator.process.output()).toContain("replica does not take what is shipped");
    fs.rmSync(folder.join("blocked"));
    await replicator.synced(60_000);
    await commit(database, 5);
    await replicator.stop();
    await expectSame(database, good);
    await expectSame(database, bad);
  });

  it("one that falls behind by more than max-wal is let go, loudly, and gets a new generation later", async () => {
    using folder = tempDir("max-wal");
    const database = folder.join("app.db");
    const good = folder.join("good");
    const bad = folder.join("bad");
    await commit(database, 5);
    await using replicator = await startReplicator({
      database,
      replicas: [`file://${good}`, `file://${bad}`],
      maxWalBytes: 2 * MIB,
      tuning: { rotateFromBytes: MIB / 2, spoolLimitBytes: MIB / 2 },
    });
    await replicator.synced();
    // From now on every put to the second one fails.
    fs.renameSync(bad, `${bad}-away`);
    fs.writeFileSync(bad, "");
    const writer = await spawnWriter("node-sqlite", database, { rate: 200, payloadBytes: 3000 });
    await replicator.process.waitFor(/the WAL has reached max-wal/, 60_000);
    // The WAL is free to begin anew then.
    const indexes = () => new Set(objectsIn(good, "/wal/").map((name) => name.split("/").at(-1)?.slice(0, 8))).size;
    await expect.poll(indexes, { timeout: 30_000 }).toBeGreaterThan(1);
    await writer.stop();
    fs.rmSync(bad);
    fs.renameSync(`${bad}-away`, bad);
    await replicator.synced(60_000);
    await replicator.stop();
    await expectSame(database, good);
    await expectSame(database, bad);
    expect(generationsIn(good)).toHaveLength(1);
    expect(generationsIn(bad)).toHaveLength(2);
  });
});

it("an index that is full waits for a rotation, and nothing is lost", async () => {
  using folder = tempDir("index-full");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  await commit(database, 5);
  await using replicator = await startReplicator({ database, replicas: [`file://${replica}`], maxIndexBytes: 2 * MIB });
  {
    // While it reads, the WAL cannot begin anew and grows past what the names of one index can hold.
    await using _reader = await spawnLongReader(database, { holdMs: 60_000 });
    await commit(database, 1500, 3000);
    await expect.poll(() => fs.statSync(`${database}-wal`).size).toBeGreaterThan(4 * MIB);
    await sleep(1000);
  }
  await commit(database, 20);
  await replicator.stop(60_000);
  await expectSame(database, replica);
  for (const name of objectsIn(replica, "/wal/")) {
    expect(Number.parseInt(name.split("_").at(-1)?.slice(0, 8) ?? "", 16)).toBeLessThan(2 * MIB);
  }
});

describe("an idle database", () => {
  /** How often the process gave up the processor of itself: each timer, event or request counts. */
  function switches(replicator: Replicator): number {
    const tasks = `/proc/${replicator.process.pid}/task`;
    let count = 0;
    for (const task of fs.readdirSync(tasks)) {
      const status = fs.readFileSync(`${tasks}/${task}/status`, "utf8");
      count += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
    }
    return count;
  }

  const stamps = (root: string) =>
    fs
      .readdirSync(root, { recursive: true, encoding: "utf8" })
      .sort()
      .map((name) => `${name} ${fs.statSync(`${root}/${name}`).mtimeMs}`);

  it("causes no write, no request and no wake-up loop; the next commit is shipped", async () => {
    using folder = tempDir("idle");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await commit(database, 5);
    await using replicator = await startReplicator({
      database,
      replicas: [`file://${replica}`],
      tuning: { restAfterMs: 400 },
    });
    await using writer = await spawnWriter("node-sqlite", database, { commits: 10 });
    await writer.finished();
    await sleep(2500);
    const before = {
      switches: switches(replicator),
      stamps: stamps(folder.path),
      lines: replicator.process.lines.length,
    };
    await sleep(3000);
    expect(stamps(folder.path)).toEqual(before.stamps);
    // Each call to the replica would say so.
    expect(replicator.process.lines.length).toBe(before.lines);
    // A loop of one look a second makes six or more of them; a few are Node's own.
    expect(switches(replicator) - before.switches).toBeLessThan(20);
    await commit(database, 3);
    await replicator.process.waitFor(/"event":"put"/, 10_000, before.lines);
    await replicator.stop();
    await expectSame(database, replica);
  });
});

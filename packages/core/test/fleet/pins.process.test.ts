// A pinned restore point stays restorable when everything around it has been deleted; one that is not pinned goes with its window.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { judgeShards, spawnShardedWriter, tempDir } from "@litewake-tooling/testkit";
import { expect, it, vi } from "vitest";
import { listPoints, pinPoint, unpinPoint } from "../../src/fleet/points.ts";
import { restoreFleet } from "../../src/fleet/restore-fleet.ts";
import { membersIn, openStore, shardingOf, startFleet } from "../fixtures/fleet-run.ts";

const SHARDS = 2;
const sharding = shardingOf(SHARDS);

it("a pinned point outlives the window of retention, with its base and its WAL, until it is unpinned", async () => {
  using folder = tempDir("pins");
  const live = folder.join("live");
  fs.mkdirSync(live);
  const client = await openStore(folder.join("replica"));
  const quick = {
    retentionMs: 1000,
    retentionCheckIntervalMs: 150,
    snapshotIntervalMs: 400,
    tuning: { rotateFromBytes: 64 << 10 },
  };
  const fleet = await startFleet({ folder: live, client, count: SHARDS }, quick);
  await (await spawnShardedWriter(live, SHARDS, 1, 100)).waitFor(/^done$/);
  await fleet.sync();
  await fleet.point("kept");
  await pinPoint(client, "kept");
  await (await spawnShardedWriter(live, SHARDS, 2, 100)).waitFor(/^done$/);
  await fleet.sync();
  await fleet.point("old");
  const snapshotsOf = (name: string): string[] => {
    const files = fs.readdirSync(folder.join(`replica/${name}/generations`), { recursive: true, encoding: "utf8" });
    return files.filter((file) => file.endsWith(".snapshot.lz4"));
  };
  // The unpinned point goes when a newer one says that its window has passed.
  for (let life = 3; (await listPoints(client)).some(({ name }) => name === "old") && life < 40; life++) {
    await (await spawnShardedWriter(live, SHARDS, life, 300)).waitFor(/^done$/);
    await sleep(200);
    await fleet.point();
  }
  expect((await listPoints(client)).map(({ name }) => name)).not.toContain("old");
  const back = folder.join("back");
  await restoreFleet({ client, sharding, members: membersIn(back, sharding), target: { name: "kept" } });
  expect(judgeShards(back, SHARDS)).toEqual({ events: 100, queued: 100, torn: 0, misplaced: 0 });
  await expect(
    restoreFleet({ client, sharding, members: membersIn(folder.join("x"), sharding), target: { name: "old" } }),
  ).rejects.toThrow(/holds no point named "old"/);
  const held = snapshotsOf("shard_0").sort()[0];
  expect(await unpinPoint(client, "kept")).toBe(true);
  // Pins are looked at once a minute; a process that starts has none in mind.
  await fleet.stop();
  const again = await startFleet({ folder: live, client, count: SHARDS }, quick);
  await using writer = await spawnShardedWriter(live, SHARDS, 50);
  await vi.waitFor(() => expect(snapshotsOf("shard_0")).not.toContain(held), { timeout: 30_000, interval: 200 });
  await writer.kill9();
  await again.stop();
});

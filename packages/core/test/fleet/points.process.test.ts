// One moment over all shards and the dead letter queue, while other processes write as fast as they can.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { judgeShards, spawnShardedWriter, tempDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, vi } from "vitest";
import { listPoints } from "../../src/fleet/points.ts";
import { restoreFleet } from "../../src/fleet/restore-fleet.ts";
import { fence } from "../../src/shipping/fence.ts";
import { membersIn, openStore, shardingOf, startFleet } from "../fixtures/fleet-run.ts";

const SHARDS = 4;
const sharding = shardingOf(SHARDS);

describe("restore points", () => {
  it("bring back one moment: no key in the queue that its shard has not", async () => {
    using folder = tempDir("points");
    const live = folder.join("live");
    fs.mkdirSync(live);
    const client = await openStore(folder.join("replica"));
    await using first = await spawnShardedWriter(live, SHARDS, 1);
    await using second = await spawnShardedWriter(live, SHARDS, 2);
    const fleet = await startFleet({ folder: live, client, count: SHARDS });
    const held: number[] = [];
    const names: string[] = [];
    for (let n = 0; n < 12; n++) {
      await sleep(60 + Math.random() * 120);
      const name = `p${n}`;
      held.push((await fleet.point(name)).heldMs);
      names.push(name);
    }
    await first.kill9();
    await second.kill9();
    await fleet.stop();
    let before = 0;
    for (const name of names) {
      const back = folder.join(name);
      const result = await restoreFleet({ client, sharding, members: membersIn(back, sharding), target: { name } });
      expect(result.restored).toHaveLength(SHARDS + 1);
      const { events, queued, torn, misplaced } = judgeShards(back, SHARDS);
      expect({ name, torn, misplaced }).toEqual({ name, torn: 0, misplaced: 0 });
      // Each of the two writers may have been between its two commits.
      expect(events - queued).toBeLessThanOrEqual(2);
      expect(events).toBeGreaterThan(before);
      before = events;
    }
    process.stdout.write(`points: writers held ${held.map((ms) => ms.toFixed(1)).join(", ")} ms\n`);
  });

  it("taken before anything is committed, by a fleet that was restored, hold all that was restored", async () => {
    using folder = tempDir("again");
    const live = folder.join("live");
    fs.mkdirSync(live);
    const client = await openStore(folder.join("replica"));
    const writing = await spawnShardedWriter(live, SHARDS, 1);
    const first = await startFleet({ folder: live, client, count: SHARDS });
    await sleep(200);
    await writing.kill9();
    await first.stop();
    const restored = folder.join("restored");
    await restoreFleet({ client, sharding, members: membersIn(restored, sharding) });
    const second = await startFleet({ folder: restored, client, count: SHARDS });
    await second.point("again");
    await second.stop();
    const back = folder.join("back");
    await restoreFleet({ client, sharding, members: membersIn(back, sharding), target: { name: "again" } });
    expect(judgeShards(back, SHARDS)).toEqual(judgeShards(live, SHARDS));
  });

  it("taken behind two contested starts, with nothing shipped since, hold what was shipped before them", async () => {
    using folder = tempDir("fenced");
    const live = folder.join("live");
    fs.mkdirSync(live);
    const client = await openStore(folder.join("replica"));
    await using writing = await spawnShardedWriter(live, SHARDS, 1);
    const first = await startFleet({ folder: live, client, count: SHARDS });
    await sleep(200);
    await writing.kill9();
    await first.stop();
    const generationsOf = () =>
      sharding.shards.map((name) => fs.readdirSync(folder.join(`replica/${name}/generations`)));
    const before = generationsOf();
    for (const name of [...sharding.shards, "dlq"]) {
      const member = await openStore(folder.join(`replica/${name}`));
      await fence(member);
      await fence(member);
    }
    const restored = folder.join("restored");
    await restoreFleet({ client, sharding, members: membersIn(restored, sharding) });
    for (const at of [restored, live]) {
      const next = await startFleet({ folder: at, client, count: SHARDS });
      const name = path.basename(at);
      await next.point(name);
      await next.stop();
      // What is restored has no WAL that a fence could have come behind. The live one may begin anew.
      if (at === restored) expect(generationsOf()).toEqual(before);
      const back = folder.join(`back-${name}`);
      await restoreFleet({ client, sharding, members: membersIn(back, sharding), target: { name } });
      expect(judgeShards(back, SHARDS)).toEqual(judgeShards(live, SHARDS));
    }
  });

  it("are taken on the interval while something is committed, and not when nothing is; a time lands on the newest before it", async () => {
    using folder = tempDir("timed");
    const live = folder.join("live");
    fs.mkdirSync(live);
    const client = await openStore(folder.join("replica"));
    const writer = await spawnShardedWriter(live, SHARDS, 1, 300);
    const fleet = await startFleet({ folder: live, client, count: SHARDS }, { pointsIntervalMs: 100 });
    await writer.waitFor(/^done$/);
    await fleet.sync();
    await sleep(600);
    const quiet = await listPoints(client);
    await sleep(500);
    expect(await listPoints(client)).toEqual(quiet);
    await using more = await spawnShardedWriter(live, SHARDS, 2);
    await vi.waitFor(async () => expect((await listPoints(client)).length).toBeGreaterThan(quiet.length + 2), 20_000);
    await more.kill9();
    await fleet.stop();
    const last = quiet.at(-1);
    const back = folder.join("back");
    const timestamp = new Date((last?.publishedAt.getTime() ?? 0) + 1);
    await restoreFleet({ client, sharding, members: membersIn(back, sharding), target: { timestamp } });
    expect(judgeShards(back, SHARDS)).toEqual({ events: 300, queued: 300, torn: 0, misplaced: 0 });
  });

  it("hold exactly what was committed when they were taken, also where nothing was shipped since the snapshot", async () => {
    using folder = tempDir("exact");
    const live = folder.join("live");
    fs.mkdirSync(live);
    const client = await openStore(folder.join("replica"));
    await (await spawnShardedWriter(live, SHARDS, 1, 50)).waitFor(/^done$/);
    const fleet = await startFleet({ folder: live, client, count: SHARDS });
    await fleet.sync();
    await fleet.point("snapshot-only");
    const counts: number[] = [];
    for (let n = 0; n < 6; n++) {
      const database = new DatabaseSync(`${live}/shard_0.db`);
      for (let row = 0; row <= n; row++) database.prepare("insert into event values (?, 0)").run(`extra-${n}-${row}`);
      // A checkpoint of the application's, so that WALs end between the points.
      if (n % 2 === 1) database.exec("pragma wal_checkpoint(truncate)");
      counts.push(Number(database.prepare("select count(*) n from event").get()?.["n"]));
      database.close();
      await fleet.point(`n${n}`);
    }
    await fleet.stop();
    const rowsAt = async (name: string): Promise<number> => {
      const back = folder.join(`back-${name}`);
      await restoreFleet({ client, sharding, members: membersIn(back, sharding), target: { name } });
      using database = new DatabaseSync(`${back}/shard_0.db`, { readOnly: true });
      return Number(database.prepare("select count(*) n from event").get()?.["n"]);
    };
    expect(await rowsAt("snapshot-only")).toBe((counts[0] ?? 0) - 1);
    for (const [n, count] of counts.entries()) expect(await rowsAt(`n${n}`)).toBe(count);
  });

  it("are not taken while a database that is there is not followed yet: it would be missing from them", async () => {
    using folder = tempDir("awaited");
    const live = folder.join("live");
    fs.mkdirSync(live);
    const client = await openStore(folder.join("replica"));
    await (await spawnShardedWriter(live, SHARDS, 1, 20)).waitFor(/^done$/);
    const owner = new DatabaseSync(`${live}/shard_1.db`);
    owner.exec("pragma locking_mode=exclusive; begin immediate; commit; insert into event values ('own', 1)");
    const fleet = await startFleet({ folder: live, client, count: SHARDS });
    expect(fleet.status.map(({ state }) => state)).toEqual([
      "following",
      "waiting",
      "following",
      "following",
      "following",
    ]);
    await expect(fleet.point("early")).rejects.toThrow(
      /could not be held still at one moment: .*a database is not open yet/,
    );
    owner.close();
    await vi.waitFor(() => expect(fleet.status[1]?.state).toBe("following"), 5000);
    await fleet.sync();
    expect((await fleet.point("whole")).places.size).toBe(SHARDS + 1);
    await fleet.stop();
  });

  it("are refused under a name that is taken or cannot be one, and where a writer never lets go", async () => {
    using folder = tempDir("refused");
    const live = folder.join("live");
    fs.mkdirSync(live);
    const client = await openStore(folder.join("replica"));
    await (await spawnShardedWriter(live, SHARDS, 1, 20)).waitFor(/^done$/);
    const fleet = await startFleet({ folder: live, client, count: SHARDS });
    await fleet.sync();
    await fleet.point("one");
    await expect(fleet.point("one")).rejects.toThrow("there is a point named one already: choose another name");
    await expect(fleet.point("a/b")).rejects.toThrow(/"a\/b" cannot be a point's name/);
    const writer = new DatabaseSync(`${live}/shard_1.db`);
    writer.exec("begin immediate");
    await expect(fleet.point("two")).rejects.toThrow(
      /could not be held still at one moment: a writer holds its transaction open/,
    );
    // Nobody else is left locked out.
    const other = new DatabaseSync(`${live}/shard_0.db`, { timeout: 0 });
    other.exec("insert into event values ('free', 1)");
    writer.exec("rollback");
    await fleet.point("two");
    other.close();
    writer.close();
    await fleet.stop();
    await expect(
      restoreFleet({ client, sharding, members: membersIn(folder.join("x"), sharding), target: { name: "three" } }),
    ).rejects.toThrow(/holds no point named "three": it holds one, two/);
  });
});

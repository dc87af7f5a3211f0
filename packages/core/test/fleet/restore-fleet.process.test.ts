// Restoring a fleet: what is skipped, what begins anew, what is refused, and that it is all or nothing.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { judgeShards, spawnShardedWriter, tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { ReplicaError } from "../../src/backend/error.ts";
import { overriding } from "../../src/backend/overriding.ts";
import { readManifest } from "../../src/fleet/manifest.ts";
import { restoreFleet } from "../../src/fleet/restore-fleet.ts";
import { stagedName } from "../../src/fleet/staging.ts";
import { membersIn, openStore, shardingOf, startFleet } from "../fixtures/fleet-run.ts";

const SHARDS = 4;
const KEYS = 200;
const sharding = shardingOf(SHARDS);
let folder: TempDir;
let live: string;
let client: ReplicaClient;

beforeEach(async () => {
  folder = tempDir("fleet");
  live = folder.join("live");
  fs.mkdirSync(live);
  client = await openStore(folder.join("replica"));
  await (await spawnShardedWriter(live, SHARDS, 1, KEYS)).waitFor(/^done$/);
  const fleet = await startFleet({ folder: live, client, count: SHARDS });
  await fleet.sync();
  await fleet.point("all");
  await fleet.stop();
});

afterEach(() => folder[Symbol.dispose]());

const whole = { events: KEYS, queued: KEYS, torn: 0, misplaced: 0 };
const namesIn = (at: string): string[] => (fs.existsSync(at) ? fs.readdirSync(at).sort() : []);
const members = (at: string) => membersIn(at, sharding);

describe("a fleet that is restored", () => {
  it("has every database, laid out as the page says, and the manifest says how it is sharded", async () => {
    expect(await readManifest(client)).toEqual({ epoch: 1, ...sharding });
    expect(namesIn(folder.join("replica"))).toEqual(["dlq", "litewake", "shard_0", "shard_1", "shard_2", "shard_3"]);
    expect(namesIn(folder.join("replica/shard_3"))).toEqual(["generations"]);
    const back = folder.join("back");
    const { restored, skipped, fresh } = await restoreFleet({ client, sharding, members: members(back) });
    expect(restored.map(({ name }) => name).sort()).toEqual(["dlq", ...sharding.shards]);
    expect([skipped, fresh]).toEqual([[], []]);
    expect(judgeShards(back, SHARDS)).toEqual(whole);
  });

  it("goes on in the same generations, without a snapshot", async () => {
    const back = folder.join("back");
    await restoreFleet({ client, sharding, members: members(back) });
    const generations = () => sharding.shards.map((name) => namesIn(folder.join(`replica/${name}/generations`)));
    const before = generations();
    const fleet = await startFleet({ folder: back, client, count: SHARDS });
    await (await spawnShardedWriter(back, SHARDS, 2, 50)).waitFor(/^done$/);
    await fleet.stop();
    expect(generations()).toEqual(before);
    expect(before.every((names) => names.length === 1)).toBe(true);
  });

  it("keeps the databases that are there, and begins those of which the replica holds nothing", async () => {
    fs.rmSync(folder.join("replica/litewake/points"), { recursive: true });
    fs.rmSync(folder.join("replica/shard_2"), { recursive: true });
    const back = folder.join("back");
    fs.cpSync(path.join(live, "shard_1.db"), path.join(back, "shard_1.db"));
    const { restored, skipped, fresh } = await restoreFleet({ client, sharding, members: members(back) });
    expect(restored.map(({ name }) => name).sort()).toEqual(["dlq", "shard_0", "shard_3"]);
    expect([skipped, fresh]).toEqual([["shard_1"], ["shard_2"]]);
    expect(fs.existsSync(path.join(back, "shard_2.db"))).toBe(false);
  });
});

describe("nothing at all is written", () => {
  const refused = async (request: Partial<Parameters<typeof restoreFleet>[0]> = {}): Promise<string> => {
    const back = folder.join("back");
    const before = namesIn(back);
    const error: unknown = await restoreFleet({ client, sharding, members: members(back), ...request }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(namesIn(back)).toEqual(before);
    return error instanceof Error && "kind" in error ? `${String(error.kind)}: ${error.message}` : "restored";
  };

  it("where one database is damaged, and the line names it", async () => {
    const segments = folder.join("replica/shard_2/generations");
    const file = fs
      .readdirSync(segments, { recursive: true, encoding: "utf8" })
      .find((name) => name.endsWith(".snapshot.lz4"));
    fs.truncateSync(path.join(segments, file ?? ""), 100);
    expect(await refused()).toMatch(/^damaged: shard_2: the snapshot cannot be read/);
  });

  it("where a database has vanished from the replica although a point knows it", async () => {
    fs.rmSync(folder.join("replica/shard_2"), { recursive: true });
    expect(await refused()).toMatch(
      /^damaged: .*shard_2 holds no backup any more, though a restore point says that it did/,
    );
    expect(await refused({ target: { name: "all" } })).toMatch(/^damaged: shard_2: /);
  });

  it("where the replica is of another sharding", async () => {
    const more = shardingOf(SHARDS + 1);
    const line = await refused({ sharding: more, members: membersIn(folder.join("back"), more) });
    expect(line).toMatch(
      /^refused: shard_count is 5, but the replica file:.* holds 4 shards: .*set shard_count back to 4/,
    );
    expect(await refused({ sharding: { ...sharding, hashBits: 64 } })).toMatch(
      /hash is fnv1a-64, .* was made with fnv1a-32/,
    );
    expect(await refused({ sharding: { ...sharding, dlq: null } })).toMatch(
      /holds the dead letter queue dlq, the configuration has none/,
    );
  });

  it("where a database is there and a point is asked for: all go back together", async () => {
    fs.mkdirSync(folder.join("back"));
    fs.copyFileSync(path.join(live, "shard_1.db"), folder.join("back/shard_1.db"));
    expect(await refused({ target: { name: "all" } })).toMatch(
      /^refused: .*shard_1.db exists already: all databases go back to a point together/,
    );
  });

  it("where the time is before the first point", async () => {
    expect(await refused({ target: { timestamp: new Date(0) } })).toMatch(
      /^no-backup: the first restore point in .* is of /,
    );
  });

  it("where the store does not answer", async () => {
    const down = overriding(client, {
      list: () => {
        throw new ReplicaError({ code: "Unavailable", operation: "list", reason: "no route to host" });
      },
    });
    expect(await refused({ client: down })).toMatch(/^unreachable: file:.*no route to host/);
  });
});

describe("a restore that was cut off", () => {
  it("before all were whole leaves nothing that counts, and the next one begins again", async () => {
    const back = folder.join("back");
    fs.mkdirSync(back);
    fs.writeFileSync(stagedName(path.join(back, "shard_0.db")), "half");
    await restoreFleet({ client, sharding, members: members(back) });
    expect(judgeShards(back, SHARDS)).toEqual(whole);
    expect(namesIn(back).filter((name) => name.includes("restoring"))).toEqual([]);
  });

  it("after all were whole is finished by the next one, to the point that it was for", async () => {
    const back = folder.join("back");
    await restoreFleet({ client, sharding, members: members(back), target: { name: "all" } });
    // As a kill in the middle of the renames leaves it.
    const staged = members(back).map(({ path: output }) => ({
      output,
      replicaUrl: "file:///nowhere",
      position: { generation: "0".repeat(16), index: 0, offset: 0 },
      stamp: { ino: "0", size: 0, mtimeNs: "0" },
    }));
    for (const { output } of staged.slice(2)) fs.renameSync(output, stagedName(output));
    fs.writeFileSync(path.join(back, ".litewake-restore.json"), JSON.stringify({ version: 1, staged }));
    const { skipped, restored } = await restoreFleet({ client, sharding, members: members(back) });
    expect(restored).toEqual([]);
    expect(skipped).toHaveLength(SHARDS + 1);
    expect(judgeShards(back, SHARDS)).toEqual(whole);
    expect(fs.existsSync(path.join(back, ".litewake-restore.json"))).toBe(false);
  });
});

/** As a kill in the middle of the renames leaves it: the first `named` databases have their names. */
async function cutOff(back: string, named: number): Promise<void> {
  const done = await restoreFleet({ client, sharding, members: members(back) });
  const staged = done.restored.map(({ path: output, result }) => ({ output, ...result }));
  for (const { output } of staged.slice(named)) {
    fs.renameSync(output, stagedName(output));
    fs.rmSync(path.join(back, `.${path.basename(output)}-litewake`), { recursive: true });
  }
  fs.writeFileSync(path.join(back, ".litewake-restore.json"), JSON.stringify({ version: 1, staged }));
}

describe("an application that was started in the middle of a restore", () => {
  it("keeps the database that it has begun: the restore is refused, with its path", async () => {
    const back = folder.join("back");
    await cutOff(back, 0);
    fs.writeFileSync(path.join(back, "shard_1.db"), "begun anew");
    await expect(restoreFleet({ client, sharding, members: members(back) })).rejects.toThrow(
      /shard_1\.db exists already: .*move it away first/,
    );
    expect(fs.readFileSync(path.join(back, "shard_1.db"), "utf8")).toBe("begun anew");
    fs.rmSync(path.join(back, "shard_1.db"));
    await restoreFleet({ client, sharding, members: members(back) });
    expect(judgeShards(back, SHARDS)).toEqual(whole);
  });

  it("has what it wrote then shipped: a database that was changed since is not taken for the restored one", async () => {
    const back = folder.join("back");
    await cutOff(back, SHARDS + 1);
    {
      // Written back into the file when it is closed.
      using changed = new DatabaseSync(path.join(back, "dlq.db"));
      changed.exec("create table later(x); insert into later values (1)");
    }
    await restoreFleet({ client, sharding, members: members(back) });
    const fleet = await startFleet({ folder: back, client, count: SHARDS });
    await fleet.stop();
    const again = folder.join("again");
    await restoreFleet({ client, sharding, members: members(again) });
    using found = new DatabaseSync(path.join(again, "dlq.db"), { readOnly: true });
    expect(found.prepare("select x from later").all()).toEqual([{ x: 1 }]);
  });
});

describe("a fleet that is started", () => {
  it("with another number of shards is refused before anything is opened or shipped", async () => {
    const before = fs.readdirSync(folder.join("replica"), { recursive: true }).length;
    await expect(startFleet({ folder: live, client, count: 8 })).rejects.toThrow(
      /shard_count is 8, but the replica .* holds 4 shards/,
    );
    expect(fs.readdirSync(folder.join("replica"), { recursive: true })).toHaveLength(before);
  });

  it("goes on without the shard that is no database, and says so", async () => {
    fs.rmSync(path.join(live, "shard_2.db"));
    fs.rmSync(path.join(live, ".shard_2.db-litewake"), { recursive: true });
    fs.writeFileSync(path.join(live, "shard_2.db"), "this is no database, whatever its name says");
    const lines: string[] = [];
    const fleet = await startFleet(
      { folder: live, client, count: SHARDS },
      { logger: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields)}`) },
    );
    await (await spawnShardedWriter(live, 1, 2, 0)).kill9();
    expect(lines.filter((line) => line.startsWith("error")).join("\n")).toMatch(/shard_2.db is not a SQLite database/);
    expect(fleet.status.map(({ state }) => state)).toEqual([
      "following",
      "following",
      "failed",
      "following",
      "following",
    ]);
    expect(String(fleet.failure)).toContain("shard_2.db");
    await expect(fleet.point("x")).rejects.toThrow(/no point can be taken while .*shard_2.db is not followed/);
    await expect(fleet.stop()).rejects.toThrow(/shard_2.db is not a SQLite database/);
  });
});

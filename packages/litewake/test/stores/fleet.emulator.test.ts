// A fleet on every store: first boot, a kill, a wiped disk, a boot that takes the lease, and all databases back at one moment.
import fs from "node:fs";
import { judgeShards, runLitewake, shardedWriterCommand, spawnLitewake, tempDir } from "@litewake-tooling/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { removeLocalTrips, stores } from "./stores.ts";

const SHARDS = 3;

afterAll(removeLocalTrips);

describe.each(stores)("a fleet on $name", (store) => {
  it("boots, is killed, comes back on an empty disk, and goes back to a restore point", async () => {
    using folder = tempDir("fleet-store");
    const data = folder.join("data");
    const block = {
      enabled: true,
      replica_url: store.url(),
      sync_interval: "100ms",
      points: "0s",
      lease: "20s",
      shard_count: SHARDS,
    };
    fs.writeFileSync(folder.join("litejoin.yaml"), JSON.stringify({ server: { port: 1 }, replication: block }));
    const options = { cwd: folder.path, env: store.env };
    const exec = (seed: number, keys: number) =>
      shardedWriterCommand(data, SHARDS, seed, keys)
        .map((word) => `'${word}'`)
        .join(" ");
    const run = async (...args: string[]) => {
      const result = await runLitewake([args[0] ?? "", "-config", "litejoin.yaml", ...args.slice(1)], options);
      expect(result.code, result.stdout + result.stderr).toBe(0);
      return result;
    };
    fs.mkdirSync(data);
    await run("replicate", "-exec", exec(1, 60));
    expect((await run("generations", "data/shard_2.db")).stdout.trim().split("\n")).toHaveLength(2);
    await using running = spawnLitewake(["replicate", "-config", "litejoin.yaml", "-exec", exec(2, 0)], options);
    const pid = Number((await running.waitFor(/^started \d+/)).split(" ")[1]);
    await run("point", "mid-flight");
    process.kill(pid, "SIGKILL");
    await running.kill9();
    fs.rmSync(data, { recursive: true });

    await run("replicate", "-exec", exec(3, 20));
    const { events, misplaced } = judgeShards(data, SHARDS);
    expect({ enough: events >= 80, misplaced }).toEqual({ enough: true, misplaced: 0 });
    fs.rmSync(data, { recursive: true });
    await run("restore", "-point", "mid-flight");
    const then = judgeShards(data, SHARDS);
    expect({
      torn: then.torn,
      misplaced: then.misplaced,
      fewer: then.events < events,
      first: then.events >= 60,
    }).toEqual({ torn: 0, misplaced: 0, fewer: true, first: true });
  });
});

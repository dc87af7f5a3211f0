// The example of a fleet, as it stands: a first boot, a kill, a wiped disk, a second boot, and all databases back at one moment.
import fs from "node:fs";
import path from "node:path";
import {
  judgeShards,
  ManagedProcess,
  repositoryRoot,
  runLitewake,
  shardedWriterCommand,
  spawnLitewake,
  tempDir,
} from "@litewake-tooling/testkit";
import { describe, expect, it, vi } from "vitest";

const example = path.join(repositoryRoot, "examples/fleet");
const SHARDS = 8;

describe("examples/fleet", () => {
  it("boots on an empty disk, loses nothing that was shipped, and goes back to a moment", async () => {
    using folder = tempDir("fleet-example");
    fs.cpSync(example, folder.path, { recursive: true });
    const data = folder.join("data");
    fs.mkdirSync(data);
    const options = {
      cwd: folder.path,
      env: {
        REPLICA_URL: `file://${folder.join("replica")}`,
        LITEWAKE_CONFIG: undefined,
        LITESTREAM_CONFIG: undefined,
      },
    };
    const exec = (seed: number, keys: number) =>
      shardedWriterCommand(data, SHARDS, seed, keys)
        .map((word) => `'${word}'`)
        .join(" ");
    const run = (...args: string[]) =>
      runLitewake([args[0] ?? "", "-config", "litejoin.yaml", ...args.slice(1)], options);
    const boot = (seed: number, keys: number): ManagedProcess =>
      spawnLitewake(["replicate", "-config", "litejoin.yaml", "-exec", exec(seed, keys)], options);

    await using first = boot(1, 200);
    expect((await first.ended).code).toBe(0);
    const moment = new Date(Date.now() + 1).toISOString();
    fs.rmSync(data, { recursive: true });
    await using second = boot(2, 0);
    const pid = Number((await second.waitFor(/^started \d+/)).split(" ")[1]);
    await vi.waitFor(async () => expect((await run("status")).code).toBe(0), 10_000);
    process.kill(pid, "SIGKILL");
    await second.kill9();
    fs.rmSync(data, { recursive: true });

    expect((await run("restore", "-timestamp", moment)).code).toBe(0);
    expect(judgeShards(data, SHARDS)).toEqual({ events: 200, queued: 200, torn: 0, misplaced: 0 });
    // Older than what was shipped since: only on demand.
    const refused = await run("replicate", "-once");
    expect({ code: refused.code, line: refused.stderr }).toMatchObject({
      code: 7,
      line: expect.stringMatching(/is older than what was shipped.*-new-history/s),
    });
    const third = await run("replicate", "-new-history", "-exec", exec(3, 10));
    expect(third.code).toBe(0);
    fs.rmSync(data, { recursive: true });
    expect((await run("restore")).code).toBe(0);
    expect(judgeShards(data, SHARDS)).toEqual({ events: 210, queued: 210, torn: 0, misplaced: 0 });
  });
});

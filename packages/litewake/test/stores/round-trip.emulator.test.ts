// The main job on every store, through the command line: ship beside a writer, be killed, lose the disk, come back; and both
// ways with stock Litestream.
import fs from "node:fs";
import {
  compareDatabases,
  type ManagedProcess,
  restoreWith,
  runLitestream,
  runLitewake,
  spawnLitewake,
  spawnWriter,
  type TempDir,
  tempDir,
  verifyLedger,
} from "@litewake-tooling/testkit";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { litestreamConfig, removeLocalTrips, type Store, stores } from "./stores.ts";

let folder: TempDir;
let database: string;

beforeEach(() => {
  folder = tempDir("trip");
  database = folder.join("shard_0.db");
});

afterEach(() => folder.remove());
afterAll(removeLocalTrips);

async function litewake(store: Store, ...args: string[]) {
  const result = await runLitewake(args, { cwd: folder.path, env: store.env });
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return result;
}

/** Ships and resolves once the replica holds a snapshot. */
async function startShipping(store: Store, url: string): Promise<ManagedProcess> {
  const running = spawnLitewake(["replicate", database, url], { cwd: folder.path, env: store.env });
  for (;;) {
    if (!running.running) throw new Error(`it ended early and said:\n${running.output()}`);
    const { stdout } = await litewake(store, "snapshots", "-json", url);
    if ((JSON.parse(stdout) as { snapshots: unknown[] }).snapshots.length > 0) return running;
  }
}

/** The restored database, by stock Litestream with a configuration of its own. */
async function restoredByLitestream(store: Store, url: string): Promise<string> {
  const output = folder.join("by-litestream.db");
  const config = litestreamConfig(database, store, url);
  const { code, stdout, stderr } = await runLitestream("0.3.13", ["restore", "-o", output, database], {
    config,
    env: store.env,
  });
  expect(code, stdout + stderr).toBe(0);
  return output;
}

describe.each(stores)("$name", (store) => {
  it("ships, is killed, goes on, and comes back on an empty disk with every commit", async () => {
    const url = store.url();
    await using writer = await spawnWriter("node-sqlite", database, { rate: 200, reportEvery: 10 });
    await using first = await startShipping(store, url);
    await writer.reached(150);
    await first.kill9();
    await writer.reached(300);
    await using second = spawnLitewake(["replicate", database, url], { cwd: folder.path, env: store.env });
    await writer.reached(500);
    await second.kill9();
    await writer.process.kill9();
    const committed = writer.committed();
    await litewake(store, "replicate", "-once", database, url);
    const { lastSeq } = verifyLedger(database);

    for (const file of fs.readdirSync(folder.path)) fs.rmSync(folder.join(file), { recursive: true });
    await litewake(store, "restore", "-if-db-not-exists", "-o", database, url);
    expect(verifyLedger(database)).toMatchObject({ ok: true, lastSeq });
    expect(lastSeq).toBeGreaterThanOrEqual(committed);
    // Booted again: the file is there, nothing is fetched.
    const again = await litewake(store, "restore", "-if-db-not-exists", "-o", database, url);
    expect(again.stderr).toContain("exists already");

    const copy = await restoredByLitestream(store, url);
    expect(compareDatabases(copy, database)).toEqual([]);
    if (store.name === "s3") {
      const reachable = `${url}?endpoint=${new URL(store.env["AWS_ENDPOINT_URL_S3"] ?? "").host}&region=us-east-1&forcePathStyle=true`;
      const env = { ...store.env, AWS_ENDPOINT_URL_S3: undefined };
      await restoreWith("0.5.17", reachable, folder.join("newer.db"), [], { env });
      expect(compareDatabases(folder.join("newer.db"), database)).toEqual([]);
    }
  });

  it("restores what stock Litestream 0.3.13 shipped there", async () => {
    const url = store.url();
    await using writer = await spawnWriter("node-sqlite", database, { commits: 200, reportEvery: 10 });
    await writer.process.ended;
    const config = litestreamConfig(database, store, url);
    const shipped = await runLitestream("0.3.13", ["replicate", "-exec", "sleep 2"], { config, env: store.env });
    expect(shipped.code, shipped.stdout + shipped.stderr).toBe(0);
    const output = folder.join("restored.db");
    await litewake(store, "restore", "-o", output, url);
    expect(verifyLedger(output)).toMatchObject({ ok: true, lastSeq: 200 });
  });

  it("without a backup there says so, with its own exit code", async () => {
    const result = await runLitewake(["restore", "-o", database, store.url()], { cwd: folder.path, env: store.env });
    expect(result).toMatchObject({ code: 3, stdout: "" });
    expect(result.stderr).toMatch(/^litewake: [^\n]+\n$/);
    expect(fs.existsSync(database)).toBe(false);
  });
});

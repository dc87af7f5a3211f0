// A bad network between Litewake and its store: slow, narrow, resetting, silent, gone. Shipping goes on by itself, memory
// stays flat, nothing is lost; a restore takes up where it broke.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type FaultProxy, faultProxy, minio, type Toxic } from "@litewake-tooling/emulators";
import {
  type ManagedProcess,
  runLitewake,
  spawnLitewake,
  spawnWriter,
  type TempDir,
  tempDir,
  verifyLedger,
  type Writer,
} from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Store, stores } from "./stores.ts";

const s3 = stores.find(({ name }) => name === "s3") as Store;
const MIB = 1 << 20;

let folder: TempDir;
let database: string;
let url: string;
let proxy: FaultProxy;

beforeEach(async () => {
  folder = tempDir("faults");
  database = folder.join("shard_0.db");
  url = s3.url();
  proxy = await faultProxy(new URL(minio.endpoint).host);
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  folder.remove();
});

/** As the store's own environment, but through the proxy. */
const throughProxy = () => ({ ...s3.env, AWS_ENDPOINT_URL_S3: proxy.endpoint });
const ship = (): ManagedProcess =>
  spawnLitewake(["replicate", database, url], { cwd: folder.path, env: throughProxy() });

function residentBytes(running: ManagedProcess): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${running.pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}

/** Stops both and proves that the replica, read without the proxy, holds every commit. */
async function endsWithEverything(writer: Writer, running: ManagedProcess): Promise<void> {
  await writer.process.kill9();
  const { lastSeq } = verifyLedger(database);
  expect(await running.stop(), running.output()).toEqual({ code: 0, signal: null });
  const output = folder.join("restored.db");
  const restored = await runLitewake(["restore", "-o", output, url], { cwd: folder.path, env: s3.env });
  expect(restored.code, restored.stderr).toBe(0);
  expect(verifyLedger(output)).toMatchObject({ ok: true, lastSeq });
  expect(lastSeq).toBeGreaterThanOrEqual(writer.committed());
}

describe("shipping", () => {
  const toxics: readonly (readonly [string, readonly Toxic[]])[] = [
    ["with 300 ms of latency", [{ type: "latency", attributes: { latency: 300, jitter: 100 } }]],
    ["at 300 KB/s up", [{ type: "bandwidth", stream: "upstream", attributes: { rate: 300 } }]],
    [
      "with every third connection reset in the middle of a body",
      [{ type: "reset_peer", stream: "upstream", toxicity: 0.3, attributes: { timeout: 30 } }],
    ],
    [
      "with connections that end after 60 KB",
      [{ type: "limit_data", stream: "upstream", attributes: { bytes: 60_000 } }],
    ],
    [
      "with bytes that come in small pieces",
      [{ type: "slicer", attributes: { average_size: 50, size_variation: 20, delay: 10 } }],
    ],
  ];

  it.each(toxics)("%s loses nothing", async (_name, all) => {
    await using writer = await spawnWriter("node-sqlite", database, { rate: 100, reportEvery: 10 });
    await using running = ship();
    await writer.reached(50);
    const remove = await Promise.all(all.map((toxic) => proxy.add(toxic)));
    await writer.reached(writer.committed() + 300);
    for (const takeAway of remove) await takeAway();
    await endsWithEverything(writer, running);
  });

  it("into a black hole goes on once the hole is gone", async () => {
    await using writer = await spawnWriter("node-sqlite", database, { rate: 100, reportEvery: 10 });
    await using running = ship();
    await writer.reached(50);
    // No byte passes and no connection ends: only the client's own patience can tell.
    const remove = await proxy.add({ type: "timeout", attributes: { timeout: 0 } });
    await running.waitFor(/replica does not take what is shipped.*(?:in time|timed out)/, 60_000);
    await remove();
    await endsWithEverything(writer, running);
  });

  it("to a store that is down for 10 s goes on by itself, says how far it is behind, and keeps its memory flat", async () => {
    await using writer = await spawnWriter("node-sqlite", database, {
      rate: 300,
      rows: 4,
      payloadBytes: 8000,
      reportEvery: 10,
    });
    await using running = ship();
    await writer.reached(100);
    await sleep(1500);
    const before = residentBytes(running);
    await proxy.down();
    await running.waitFor(/replica does not take what is shipped/);
    await sleep(10_000);
    const during = residentBytes(running);
    const told = running.lines.length;
    await proxy.up();
    const line = await running.waitFor(/replica answers again/, 60_000, told);
    const [, downMs] = /downMs=(\d+)/.exec(line) ?? [];
    expect(Number(downMs)).toBeGreaterThan(9000);
    const [, behind] = /pendingBytes=(\d+)/.exec(line) ?? [];
    // 10 s of 300 transactions with some 16 KB each are in the WAL file, and not in memory.
    expect(Number(behind)).toBeGreaterThan(20 * MIB);
    expect(during - before).toBeLessThan(24 * MIB);
    await endsWithEverything(writer, running);
  });
});

describe("a restore", () => {
  beforeEach(async () => {
    await using writer = await spawnWriter("node-sqlite", database, {
      commits: 1500,
      payloadBytes: 8000,
      reportEvery: 100,
    });
    await writer.process.ended;
    const shipped = await runLitewake(["replicate", "-once", database, url], { cwd: folder.path, env: s3.env });
    expect(shipped.code, shipped.stderr).toBe(0);
  });

  const restore = () =>
    spawnLitewake(["restore", "-o", folder.join("restored.db"), url], { cwd: folder.path, env: throughProxy() });

  async function isRight(running: ManagedProcess): Promise<void> {
    const end = await running.ended;
    expect(end, running.output()).toEqual({ code: 0, signal: null });
    expect(verifyLedger(folder.join("restored.db"))).toMatchObject({ ok: true, lastSeq: 1500 });
  }

  it("over connections that end after 1 MB takes up where each broke", async () => {
    await proxy.add({ type: "limit_data", attributes: { bytes: 1_000_000 } });
    await using running = restore();
    await isRight(running);
  });

  it("over connections that are reset takes up where each broke", async () => {
    await proxy.add({ type: "bandwidth", attributes: { rate: 3000 } });
    await proxy.add({ type: "reset_peer", toxicity: 0.5, attributes: { timeout: 300 } });
    await using running = restore();
    await isRight(running);
  });

  it("from a store that is down for 5 s waits, says so, and ends right", async () => {
    await proxy.add({ type: "bandwidth", attributes: { rate: 2000 } });
    await using running = restore();
    await sleep(1000);
    await proxy.down();
    await running.waitFor(/trying again for up to 60 s/);
    await sleep(5000);
    await proxy.up();
    await isRight(running);
  });

  it("from a store that stays away ends with its own exit code, in one line, and leaves nothing", async () => {
    await proxy.down();
    const result = await runLitewake(["restore", "-patience", "1s", "-o", folder.join("restored.db"), url], {
      cwd: folder.path,
      env: throughProxy(),
    });
    expect(result).toMatchObject({ code: 4, stdout: "" });
    expect(result.stderr.trimEnd().split("\n").at(-1)).toMatch(/^litewake: s3:\/\/.*connection was refused/);
    expect(fs.readdirSync(folder.path).filter((name) => name.startsWith("restored"))).toEqual([]);
  });
});

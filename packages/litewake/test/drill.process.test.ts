// Drills of a running Litewake: what it proves, what it finds that somebody damaged behind its back, and what a kill leaves.
import { fork } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type ManagedProcess,
  runLitewake,
  spawnLitewake,
  spawnShardedWriter,
  spawnWriter,
  type TempDir,
  tempDir,
} from "@litewake-tooling/testkit";
import type { DatabaseStatus, DrillStatus } from "@litewake/core";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { replicate } from "../src/index.ts";
import { Container } from "./fleet/container.ts";

const env = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };
/** A drill takes a process, on a machine that does other things. */
const PATIENCE = { timeout: 40_000, interval: 100 };

let folder: TempDir;
let running: ManagedProcess | undefined;

beforeEach(() => {
  folder = tempDir("drill");
});
afterEach(async () => {
  await running?.kill9();
  running = undefined;
  folder.remove();
});

/** Starts replication of `app.db` with drills; resolves with the port of its metrics. */
async function started(lines: readonly string[] = [], interval = "1s"): Promise<number> {
  const replica = [`url: file://${folder.join("replica")}`, "sync-interval: 50ms", `verify-interval: ${interval}`];
  const text = [
    'addr: "127.0.0.1:0"',
    "dbs:",
    `  - path: ${folder.join("app.db")}`,
    ...lines.map((line) => `    ${line}`),
    "    replicas:",
    ...replica.map((line, n) => `      ${n === 0 ? "-" : " "} ${line}`),
  ];
  fs.writeFileSync(folder.join("litewake.yml"), `${text.join("\n")}\n`);
  running = spawnLitewake(["replicate", "-config", "litewake.yml"], { cwd: folder.path, env });
  const line = await running.waitFor(/msg="metrics are served" port=/);
  return Number(/port=(\d+)/.exec(line)?.[1]);
}

async function get(port: number, path: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: answer.status, text: await answer.text() };
}

async function drill(port: number): Promise<DrillStatus | undefined> {
  const { databases } = JSON.parse((await get(port, "/status")).text) as { databases: readonly DatabaseStatus[] };
  return databases[0]?.replicas[0]?.drill;
}

const status = () => runLitewake(["status", "-config", "litewake.yml"], { cwd: folder.path, env });

/** Everything below the database's folder that a drill has made. */
const scratch = (place = folder.join(".app.db-litewake")): string[] =>
  fs.existsSync(place) ? fs.readdirSync(place).filter((name) => name.startsWith("litewake-drill-")) : [];

const objects = (part: string): string[] =>
  fs
    .readdirSync(folder.join("replica"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.includes(part) && name.endsWith(".lz4"))
    .map((name) => folder.join("replica", name));

function childrenOf(pid: number): number[] {
  const pids = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((child) => {
    try {
      return Number(/\) \S (\d+)/.exec(fs.readFileSync(`/proc/${child}/stat`, "utf8"))?.[1]) === pid;
    } catch {
      return false;
    }
  });
}

describe("a replica damaged behind our back", () => {
  it.each(["a segment deleted", "a bit of the snapshot flipped"])(
    "%s: the next drill says so everywhere",
    async (how) => {
      using db = new DatabaseSync(folder.join("app.db"));
      db.exec("pragma journal_mode=wal; create table t(x)");
      const port = await started();
      await running?.waitFor(/snapshot written/);
      for (let n = 0; n < 3; n++) {
        db.exec("insert into t values (randomblob(5000))");
        await sleep(300);
      }
      await vi.waitFor(async () => expect(await drill(port)).toMatchObject({ outcome: "proved" }), PATIENCE);
      expect((await get(port, "/healthz")).status).toBe(200);
      const before = await drill(port);

      const [victim = ""] = how.includes("segment") ? objects("/wal/") : objects("/snapshots/");
      const kept = fs.readFileSync(victim);
      if (how.includes("segment")) fs.rmSync(victim);
      else {
        const bytes = Buffer.from(kept);
        bytes[bytes.byteLength >> 1] = (bytes[bytes.byteLength >> 1] ?? 0) ^ 4;
        fs.writeFileSync(victim, bytes);
      }
      // The first drill that begins after it, at the latest.
      const made = (before?.runs.proved ?? 0) + 2;
      await vi.waitFor(async () => expect((await drill(port))?.outcome).toBe("failed"), PATIENCE);
      expect((await drill(port))?.runs.proved).toBeLessThanOrEqual(made);
      expect(await drill(port)).toMatchObject({
        reason: expect.stringMatching(/generation=[0-9a-f]{16} index=0000000\d/),
        proved: { position: before?.proved?.position },
      });
      await running?.waitFor(
        /level=ERROR msg="a drill failed: the replica does not bring the database back" db=\S+ replica=file error=/,
      );
      const health = await get(port, "/healthz");
      expect(health).toMatchObject({
        status: 503,
        text: expect.stringMatching(
          /^.*app\.db: file:\S+ did not bring the database back when that was tried \(.*\)\n$/,
        ),
      });
      expect((await get(port, "/metrics")).text).toMatch(/^litewake_drill_ok\{db=".*app\.db",name="file"\} 0$/m);
      expect(await status()).toMatchObject({ code: 1, stdout: expect.stringMatching(/ failed\n$/) });

      // Shipping goes on, and a replica that is whole again is proved again.
      fs.writeFileSync(victim, kept);
      db.exec("insert into t values (7)");
      await vi.waitFor(async () => expect(await drill(port)).toMatchObject({ outcome: "proved" }), PATIENCE);
      expect((await drill(port))?.proved?.position.offset).not.toBe(before?.proved?.position.offset);
      expect((await get(port, "/healthz")).status).toBe(200);
      expect(await status()).toMatchObject({ code: 0, stdout: expect.stringMatching(/ proved up to 20\S+Z\n$/) });
      const text = (await get(port, "/metrics")).text;
      expect(text).toMatch(/^litewake_drill_ok\{.*\} 1$/m);
      expect(text).toMatch(/^litewake_drill_proved_timestamp_seconds\{.*\} 1\d{9}(\.\d+)?$/m);
      expect(text).toMatch(/^litewake_drill_runs_total\{db=".*",name="file",outcome="failed"\} [1-9]/m);
      await running?.stop();
      expect(scratch()).toEqual([]);
    },
  );
});

it("drills under a writer at full speed: each proves, in one generation, and the replica keeps up", async () => {
  await using writer = await spawnWriter("node-sqlite", folder.join("app.db"), {
    payloadBytes: 200,
    reportEvery: 100,
    busyTimeoutMs: 10_000,
  });
  await writer.reached(500);
  const port = await started();
  let generation: string | undefined;
  await vi.waitFor(
    async () => {
      const { outcome, runs, proved } = (await drill(port)) ?? {};
      expect(outcome).not.toBe("failed");
      generation ??= proved?.position.generation;
      expect(runs?.proved).toBeGreaterThan(1);
    },
    { timeout: 120_000, interval: 100 },
  );
  expect((await drill(port))?.proved?.position.generation).toBe(generation);
  await writer.stop();
  expect((await running?.stop())?.code).toBe(0);
  expect(running?.output()).not.toMatch(/level=(WARN|ERROR)/);
  expect(running?.lines.filter((line) => line.includes('msg="new generation"'))).toHaveLength(1);
}, 180_000);

describe("a kill in mid-drill", () => {
  /** A database large enough that a drill of it takes a while, and a drill under way. */
  async function drilling(lines: readonly string[] = [], place?: string): Promise<number> {
    using db = new DatabaseSync(folder.join("app.db"));
    db.exec("pragma journal_mode=wal; pragma synchronous=off; create table t(x)");
    db.exec(
      "with recursive n(i) as (values(1) union all select i+1 from n where i < 4000) insert into t select randomblob(12000) from n",
    );
    await started(lines);
    await vi.waitFor(() => expect(scratch(place)).toHaveLength(1), { timeout: 60_000, interval: 5 });
    const pid = running?.pid ?? 0;
    await vi.waitFor(() => expect(childrenOf(pid)).toHaveLength(1), { timeout: 60_000, interval: 5 });
    return childrenOf(pid)[0] ?? 0;
  }

  it("of the replicator: the drill's process takes away what it has written, and ends", async () => {
    const child = await drilling();
    await running?.kill9();
    await vi.waitFor(() => expect(scratch()).toEqual([]), PATIENCE);
    await vi.waitFor(() => expect(fs.existsSync(`/proc/${child}`)).toBe(false), PATIENCE);
  });

  it("of the replicator while the drill's process is still loading: it takes the folder away too", async () => {
    const place = folder.join("litewake-drill-of-nobody");
    fs.mkdirSync(place);
    fs.writeFileSync(`${place}/1.hashes`, "");
    const program = fileURLToPath(import.meta.resolve("../src/drill/drill-child.ts"));
    const child = fork(program, [place], { execArgv: ["--conditions=@litewake/source"], stdio: "inherit" });
    const ended = once(child, "exit");
    // As the kernel closes the channel of a process that was killed.
    child.disconnect();
    await ended;
    expect(fs.existsSync(place)).toBe(false);
  });

  it("of both: the next start takes it away", async () => {
    const place = folder.join("drills");
    const child = await drilling([`verify-path: ${place}`], place);
    // Nobody is left to tidy up.
    process.kill(child, "SIGSTOP");
    const gone = running?.kill9();
    await sleep(200);
    process.kill(child, "SIGKILL");
    await gone;
    expect(scratch(place)).toHaveLength(1);
    fs.mkdirSync(`${place}/litewake-drill-0123456789abcdef-00000000`);
    await started([`verify-path: ${place}`], "1h");
    await running?.waitFor(/msg="what a killed drill has left behind is gone"/);
    // What is another database's stays.
    expect(scratch(place)).toEqual(["litewake-drill-0123456789abcdef-00000000"]);
  });

  it("of the drill alone: it was not made, and replication goes on", async () => {
    const child = await drilling();
    process.kill(child, "SIGKILL");
    await running?.waitFor(/level=WARN msg="no drill this time" .*reason="the drill's process ended by SIGKILL"/);
    await vi.waitFor(() => expect(running?.output()).toMatch(/msg="proved restorable"/), PATIENCE);
    expect((await running?.stop())?.code).toBe(0);
    expect(scratch()).toEqual([]);
  });
});

it("a stop ends a drill at once, and a folder that cannot be written is said", async () => {
  using db = new DatabaseSync(folder.join("app.db"));
  db.exec("pragma journal_mode=wal; create table t(x)");
  fs.writeFileSync(folder.join("file"), "");
  await started([`verify-path: ${folder.join("file")}`]);
  await running?.waitFor(
    /level=WARN msg="no drill this time" .*reason="the drill has no place to restore to: .*set verify-path to a folder/,
  );
  expect((await running?.stop())?.code).toBe(0);
});

describe("a fleet", () => {
  it("proves every database, one after the other", async () => {
    using container = new Container();
    fs.mkdirSync(container.data);
    container.configure(["verify_interval: 6s", "sync_interval: 50ms", "points: 0s"], 2);
    await using _writer = await spawnShardedWriter(container.data, 2, 1);
    running = container.start();
    for (const name of ["shard_0", "shard_1", "dlq"])
      await running.waitFor(
        new RegExp(`msg="proved restorable" db=\\S+${name}\\.db replica=${name} position=`),
        60_000,
      );
    const { code, stdout, stderr } = await container.run("status");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.match(/ proved up to 20\S+Z\n/g)).toHaveLength(3);
    await running.stop();
    expect(running.output()).not.toMatch(/level=ERROR/);
  }, 180_000);

  it("embedded: the application hears of it", async () => {
    fs.mkdirSync(folder.join("data"));
    const replication = await replicate({
      databases: "app.db",
      data_dir: folder.join("data"),
      replica_url: `file://${folder.join("replica")}`,
      points: "0s",
      verify_interval: "1s",
    });
    const errors: string[] = [];
    replication.on("error", ({ message }) => errors.push(message));
    using db = new DatabaseSync(folder.join("data/app.db"));
    db.exec("pragma journal_mode=wal; create table t(x)");
    const known = () => replication.status[0]?.replicas[0]?.drill;
    await vi.waitFor(() => expect(known()).toMatchObject({ outcome: "proved" }), PATIENCE);
    expect(known()?.proved?.moment).toMatch(/^20.*Z$/);
    fs.rmSync(folder.join("replica/app/generations"), { recursive: true });
    await vi.waitFor(() => expect(known()).toMatchObject({ outcome: "failed" }), PATIENCE);
    expect(errors.join()).toMatch(/a drill failed: the replica does not bring the database back: .*app\.db: file:/);
    await replication.stop();
  });
});

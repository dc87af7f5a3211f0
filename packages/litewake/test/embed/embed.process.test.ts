// Embedded mode from an application's side: however the application ends, and whatever its event loop does, its commits arrive.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateX25519Identity } from "age-encryption";
import { ManagedProcess, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { replicate, type ReplicationSettings, restore } from "../../src/index.ts";

const program = path.join(import.meta.dirname, "app.ts");
let folder: TempDir;
let settings: ReplicationSettings;

beforeEach(() => {
  folder = tempDir("embed");
  fs.mkdirSync(folder.join("data"));
  settings = {
    databases: "app.db",
    data_dir: folder.join("data"),
    replica_url: `file://${folder.join("replica")}`,
    sync_interval: "100ms",
    points: "0s",
  };
});

afterEach(() => folder.remove());

const ARGS = ["--conditions=@litewake/source", "--disable-warning=ExperimentalWarning", program];
const app = (rows: number, end: string, more: ReplicationSettings = {}) =>
  new ManagedProcess(process.execPath, [...ARGS, JSON.stringify({ settings: { ...settings, ...more }, rows, end })]);

interface Said {
  readonly event: string;
  readonly engine?: number;
  readonly answer?: { readonly positions: readonly { readonly offset: number }[] }[];
}

const said = async (running: ManagedProcess, event: string, from = 0): Promise<Said> =>
  JSON.parse(await running.waitFor(new RegExp(`"event":"${event}"`), 30_000, from)) as Said;

function rowsIn(file: string): number {
  using database = new DatabaseSync(file, { readOnly: true });
  return Number(database.prepare("select count(*) n from t").get()?.["n"]);
}

/** Rows of what is restored now, by a process that knows nothing of the application. */
async function restoredRows(): Promise<number> {
  const back = folder.join(`back-${fs.readdirSync(folder.path).length}`);
  await restore({ ...settings, data_dir: back });
  return rowsIn(path.join(back, "app.db"));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

const engineEnded = (pid: number) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), 15_000);

describe("an application that embeds replication", () => {
  it("has everything in the replica when sync resolves, with the place", async () => {
    await using running = app(25, "stay");
    await said(running, "written");
    running.write("sync\n");
    const { answer } = await said(running, "answer");
    expect(answer?.[0]?.positions[0]?.offset).toBeGreaterThan(25 * 4096);
    expect(await restoredRows()).toBe(25);
  });

  it("encrypts what it stores, with keys that stand in no list of processes", async () => {
    const identity = await generateX25519Identity();
    const age = { identities: [identity] };
    await using running = app(25, "stay", { age });
    const { engine = 0 } = await said(running, "started");
    await said(running, "written");
    running.write("sync\n");
    await said(running, "answer");
    const commandLine = fs.readFileSync(`/proc/${engine}/cmdline`, "latin1");
    expect(commandLine).toContain("engine");
    expect(commandLine).not.toContain(identity.slice(15, 40));
    const names = fs.readdirSync(folder.join("replica"), { recursive: true, encoding: "utf8" });
    const objects = names.filter((name) => name.endsWith(".lz4"));
    expect(objects.length).toBeGreaterThan(0);
    for (const name of objects)
      expect(fs.readFileSync(folder.join("replica", name)).subarray(0, 3).toString(), name).toBe("age");
    await expect(restoredRows()).rejects.toThrow(/is encrypted with age, and no age keys are given/);
    settings = { ...settings, age };
    expect(await restoredRows()).toBe(25);
  });

  it("has every commit shipped after it was killed", async () => {
    await using running = app(40, "stay");
    const { engine = 0 } = await said(running, "started");
    await said(running, "written");
    await running.kill9();
    await engineEnded(engine);
    expect(await restoredRows()).toBe(40);
  });

  it("has every commit shipped when it ends without a word, and is not kept from ending", async () => {
    await using running = app(30, "return");
    const { engine = 0 } = await said(running, "started");
    expect(await running.ended).toEqual({ code: 0, signal: null });
    await engineEnded(engine);
    expect(await restoredRows()).toBe(30);
  });

  it("is shipped while its event loop does not turn", async () => {
    await using running = app(20, "block");
    await said(running, "written");
    await vi.waitFor(async () => expect(await restoredRows()).toBe(20), { timeout: 2500, interval: 200 });
    expect(running.output()).not.toContain("unblocked");
  });

  it("stops in order, and restores on the next start what its disk has lost", async () => {
    await using first = app(10, "stop");
    await said(first, "stopped");
    expect((await first.ended).code).toBe(0);
    fs.rmSync(folder.join("data"), { recursive: true });
    await using second = app(5, "stop");
    await said(second, "stopped");
    expect(second.output()).toContain('"rows":15');
    expect(fs.readdirSync(folder.join("replica/app/generations"))).toHaveLength(1);
  });

  it("gets its engine back after that was killed, hears of it, and loses nothing", async () => {
    await using running = app(10, "stay");
    const { engine = 0 } = await said(running, "started");
    await said(running, "written");
    process.kill(engine, "SIGKILL");
    expect(await running.waitFor(/"event":"error"/)).toContain(
      "the replication engine ended (by SIGKILL); it is started again",
    );
    const from = running.lines.length;
    await vi.waitFor(
      async () => {
        running.write("sync\n");
        await sleep(200);
        expect(running.lines.slice(from).some((line) => line.includes('"event":"answer"'))).toBe(true);
      },
      { timeout: 15_000, interval: 100 },
    );
    expect(await restoredRows()).toBe(10);
  });

  it("has an engine that a signal to the whole container does not end", async () => {
    await using running = app(10, "stay");
    const { engine = 0 } = await said(running, "started");
    await said(running, "written");
    process.kill(engine, "SIGTERM");
    process.kill(engine, "SIGINT");
    await sleep(200);
    running.write("sync\n");
    await said(running, "answer");
    expect(isAlive(engine)).toBe(true);
  });

  it("may begin databases at any time: sync knows of those that are there when it is called", async () => {
    await using running = app(7, "stay", { databases: "*.db" });
    await said(running, "written");
    running.write("sync\n");
    await said(running, "answer");
    expect(await restoredRows()).toBe(7);
  });

  it("takes points and goes back to them", async () => {
    await using running = app(12, "stay");
    await said(running, "written");
    running.write("sync\n");
    await said(running, "answer");
    running.write("point before\n");
    await running.waitFor(/"event":"answer".*"name":"before"/);
    using database = new DatabaseSync(folder.join("data/app.db"));
    database.exec("delete from t");
    running.write("sync\n");
    await sleep(300);
    const back = folder.join("before");
    await restore({ ...settings, data_dir: back }, { point: "before" });
    expect(rowsIn(path.join(back, "app.db"))).toBe(12);
    running.write("point before\n");
    expect(await running.waitFor(/"event":"refused"/)).toContain("there is a point named before already");
  });
});

describe("the calls", () => {
  it.each([
    [{ replica_url: "backups" }, /replica_url: "backups" has no scheme: write it as s3:\/\/bucket\/path/],
    [{ replica_url: "" }, /replication needs replica_url/],
    [{ sync_interval: "fast" }, /sync_interval: "fast" is not a duration/],
    [{ databases: undefined }, /replication needs shard_count/],
    [{ replica_url: "ftp://host/x" }, /ftp:\/\/ is no kind of replica that is known here/],
  ] as [ReplicationSettings, RegExp][])("refuse %j", async (wrong, line) => {
    await expect(replicate({ ...settings, ...wrong })).rejects.toThrow(line);
    await expect(restore({ ...settings, ...wrong })).rejects.toThrow(line);
  });

  it("do nothing where replication is switched off, and say so when something is asked of it", async () => {
    await using off = await replicate({ ...settings, enabled: false });
    expect(off.enginePid).toBeUndefined();
    await expect(off.sync()).rejects.toThrow("replication is switched off (enabled: false)");
  });
});

describe.skipIf(process.getuid?.() !== 0)("in a container", () => {
  const litewake = path.join(import.meta.dirname, "../../bin/litewake.js");
  const command = (rows: number) => [process.execPath, ...ARGS, JSON.stringify({ settings, rows, end: "stay" })];

  it("the application as the first process is told that the engine would die with it", async () => {
    await using running = new ManagedProcess("unshare", ["-pf", "--mount-proc", ...command(5)]);
    await said(running, "written");
    expect(await running.waitFor(/the application is the container's first process/)).toContain("warn");
  });

  it("litewake init as the first process outlives the application until all is shipped", async () => {
    await using running = new ManagedProcess("unshare", [
      "-pf",
      "--mount-proc",
      process.execPath,
      litewake,
      "init",
      "--",
      ...command(60),
    ]);
    await said(running, "written");
    // The namespace's own numbers are not ours: below unshare come the shell that reaps, litewake, and the application.
    const childOf = (pid: number): number =>
      Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
    process.kill(childOf(childOf(childOf(running.pid))), "SIGKILL");
    expect(await running.ended).toEqual({ code: 137, signal: null });
    expect(await restoredRows()).toBe(60);
  });
});

// The `replication:` block on the command line: boot, restore, points, and what is said when it is off or wrong.
import fs from "node:fs";
import { judgeShards, shardedWriterCommand } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Container, shellLine } from "./container.ts";

const SHARDS = 4;
const KEYS = 120;
const whole = { events: KEYS, queued: KEYS, torn: 0, misplaced: 0 };
let container: Container;

beforeEach(() => {
  container = new Container().configure();
  fs.mkdirSync(container.data);
});

afterEach(() => container[Symbol.dispose]());

const writer = (seed: number, keys = KEYS) => shellLine(shardedWriterCommand(container.data, SHARDS, seed, keys));

/** Fills the fleet and ends. */
async function filled(): Promise<void> {
  const { code, stdout } = await container.run("replicate", "-exec", writer(1));
  expect({ code, done: stdout.includes("done") }).toEqual({ code: 0, done: true });
}

describe("replicate with a replication: block", () => {
  it("restores what is missing, runs the child, and ships its last commit", async () => {
    await filled();
    container.wipe();
    const show = `node -e "console.log(require('fs').readdirSync('data').filter((n) => n.endsWith('.db')).join())"`;
    const second = await container.run("replicate", "-exec", show);
    expect(second.code).toBe(0);
    expect(second.stdout).toContain("dlq.db,shard_0.db,shard_1.db,shard_2.db,shard_3.db");
    expect(second.stdout).toMatch(/msg=restored database=shard_2 /);
    expect(second.stdout).toMatch(/msg="all databases are restored" restored=5 there=0 new=0 /);
    expect(judgeShards(container.data, SHARDS)).toEqual(whole);
  });

  it.each([
    ["exit 0", 0],
    ["exit 1", 1],
    ["exit 143", 143],
    ["kill -KILL $$", 137],
    ["kill -SEGV $$", 139],
  ])("has every commit of a child that ends by %s, and ends as it did", async (end, expected) => {
    const script = `${shardedWriterCommand(container.data, SHARDS, 1, KEYS).join(" ")}; ${end}`;
    expect((await container.run("replicate", "-exec", `sh -c "${script}"`)).code).toBe(expected);
    container.wipe();
    expect((await container.run("restore")).code).toBe(0);
    expect(judgeShards(container.data, SHARDS)).toEqual(whole);
  });

  it("keeps what is there", async () => {
    await filled();
    const { stdout } = await container.run("replicate", "-exec", "true");
    expect(stdout).not.toContain("msg=restored");
    expect(judgeShards(container.data, SHARDS)).toEqual(whole);
  });

  it("does not start the application on less data: not where a shard is damaged, nor where the store is away", async () => {
    await filled();
    container.wipe();
    const generations = `${container.replica}/shard_1/generations`;
    const snapshot = fs
      .readdirSync(generations, { recursive: true, encoding: "utf8" })
      .find((name) => name.endsWith(".snapshot.lz4"));
    fs.writeFileSync(`${generations}/${snapshot}`, "x");
    const damaged = await container.run("replicate", "-exec", "echo the application runs");
    expect(damaged.code).toBe(5);
    expect(damaged.stderr).toMatch(/^litewake: shard_1: .*cannot be read/m);
    expect(damaged.stdout).not.toContain("the application runs");
    expect(fs.existsSync(container.file("shard_0.db"))).toBe(false);
    fs.writeFileSync(
      container.folder.join("litejoin.yaml"),
      "replication: { enabled: true, shard_count: 2, replica_url: 's3://bucket/x?endpoint=http://127.0.0.1:9', settings: { access-key-id: a, secret-access-key: b } }\n",
    );
    const running = container.start("-exec", "echo the application runs");
    await running.waitFor(/127\.0\.0\.1:9.*trying again/);
    expect((await running.stop()).code).toBe(143);
    expect(running.output()).not.toContain("the application runs");
  });

  it("with restore_on_boot: false begins nothing over existing history", async () => {
    await filled();
    container.wipe();
    container.configure(["restore_on_boot: false"]);
    const { code, stderr, stdout } = await container.run("replicate", "-exec", "echo the application runs");
    expect(code).toBe(7);
    expect(stderr).toMatch(/does not exist yet, but the replica holds history/);
    expect(stdout).not.toContain("the application runs");
  });

  it("refuses another shard_count, at the start and at a restore, with the ways out", async () => {
    await filled();
    container.configure([], SHARDS * 2);
    for (const command of ["replicate", "restore"]) {
      const { code, stderr } = await container.run(command);
      expect(code).toBe(7);
      expect(stderr).toMatch(
        /^litewake: shard_count is 8, but the replica .* holds 4 shards: .*set shard_count back to 4, spread the rows anew with `litewake reshard`, or start a new replica/,
      );
    }
  });

  it("follows databases that a pattern matches, as they come and go, and restores all that were ever there", async () => {
    fs.writeFileSync(
      container.folder.join("litejoin.yaml"),
      `replication:\n  enabled: true\n  databases: "**/*.db"\n  sync_interval: 50ms\n  replica_url: file://${container.replica}\n`,
    );
    const make = (name: string): void => {
      fs.mkdirSync(container.file("tenants"), { recursive: true });
      using database = new DatabaseSync(container.file(name));
      database.exec(`pragma journal_mode=wal; create table t(x); insert into t values ('${name}')`);
    };
    make("tenants/a.db");
    const running = container.start();
    await running.waitFor(/msg="snapshot written".*tenants\/a/);
    make("tenants/b.db");
    await running.waitFor(/msg="a database has appeared" database=tenants\/b/);
    await running.waitFor(/msg="snapshot written".*tenants\/b/);
    for (const name of fs.readdirSync(container.file("tenants")))
      if (name.includes("a.db")) fs.rmSync(container.file(`tenants/${name}`), { recursive: true });
    await running.waitFor(/msg="a database is gone; its replica stays"/);
    expect((await running.stop()).code).toBe(0);
    container.wipe();
    const { code, stderr } = await container.run("restore");
    expect({ code, stderr: stderr.includes("restored=2") }).toEqual({ code: 0, stderr: true });
    using back = new DatabaseSync(container.file("tenants/a.db"), { readOnly: true });
    expect(back.prepare("select x from t").get()?.["x"]).toBe("tenants/a.db");
  });
});

describe("two engines on one replica", () => {
  /** Another container with the same configuration, its own disk, and the same replica. */
  function twin(): Container {
    const other = new Container();
    fs.copyFileSync(container.folder.join("litejoin.yaml"), other.folder.join("litejoin.yaml"));
    return other;
  }

  it("cannot be: the second is refused while the first is alive, and takes over when it is told to", async () => {
    container.configure(["lease: 1s", "sync_interval: 50ms"]);
    await using first = container.start("-exec", writer(1, 0));
    await first.waitFor(/^started /);
    for (const name of ["shard_0", "dlq"]) await first.waitFor(new RegExp(`msg="snapshot written".*${name}`));
    using other = twin();
    const refused = await other.run("replicate", "-exec", "echo the application runs");
    expect(refused.code).toBe(7);
    expect(refused.stderr).toMatch(
      new RegExp(
        `^litewake: file:.* is written to by process ${first.pid} on .*, which is alive: stop that one first, or take over from it with -take-over$`,
        "m",
      ),
    );
    expect(refused.stdout).not.toContain("the application runs");
    const taken = await other.run("replicate", "-take-over", "-exec", "sleep 2");
    expect(taken.code).toBe(0);
    // The first has noticed: it writes nothing more, and says so when it ends.
    await first.waitFor(/the lease of .* was taken over by process/);
    const before = fs.readdirSync(container.replica, { recursive: true }).length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(fs.readdirSync(container.replica, { recursive: true })).toHaveLength(before);
    expect((await first.stop()).code).not.toBe(0);
  });

  it("follow one another at once when the first was killed on the same host", async () => {
    container.configure(["lease: 1h", "sync_interval: 50ms"]);
    const first = container.start("-exec", writer(1, 0));
    const pid = Number((await first.waitFor(/^started /)).split(" ")[1]);
    await first.waitFor(/msg="snapshot written".*dlq/);
    process.kill(pid, "SIGKILL");
    await first.kill9();
    const { code, stdout } = await container.run("replicate", "-exec", "echo the application runs");
    expect({ code, runs: stdout.includes("the application runs") }).toEqual({ code: 0, runs: true });
  });
});

describe("restore with a replication: block", () => {
  it("brings back all databases, or says that there is nothing to do, or nothing there", async () => {
    const nothing = await container.run("restore");
    expect({ code: nothing.code, line: nothing.stderr }).toMatchObject({
      code: 3,
      line: expect.stringMatching(/holds no backup of any database/),
    });
    expect((await container.run("restore", "-if-replica-exists")).code).toBe(0);
    await filled();
    const there = await container.run("restore");
    expect({ code: there.code, line: there.stderr }).toEqual({
      code: 0,
      line: "litewake: every database is there already; nothing restored\n",
    });
    container.wipe();
    expect((await container.run("restore")).code).toBe(0);
    expect(judgeShards(container.data, SHARDS)).toEqual(whole);
  });

  it("goes back to a time, on all databases together", async () => {
    container.configure(["points: 100ms"]);
    await filled();
    const points = `${container.replica}/litewake/points/at`;
    await vi.waitFor(() => expect(fs.readdirSync(points).length).toBeGreaterThan(0));
    const last = fs.readdirSync(points).sort().at(-1) ?? "";
    const time = new Date(fs.statSync(`${points}/${last}`).mtimeMs + 1).toISOString();
    await container.run("replicate", "-exec", writer(2, 50));
    container.wipe();
    const { code, stdout } = await container.run("restore", "-timestamp", time, "-json");
    const answer = JSON.parse(stdout) as { version: number; restored: unknown[]; point: { name: null } };
    expect({ code, version: answer.version, count: answer.restored.length, name: answer.point.name }).toEqual({
      code: 0,
      version: 1,
      count: 5,
      name: null,
    });
    expect(judgeShards(container.data, SHARDS)).toEqual(whole);
    const again = await container.run("restore", "-timestamp", time);
    expect({ code: again.code, line: again.stderr }).toMatchObject({
      code: 7,
      line: expect.stringMatching(/exists already: all databases go back to a point together/),
    });
  });

  it.each([
    [["-o", "x.db"], "-o is of one database: name the database too"],
    [["-index", "0"], "-index is of one database: name the database too"],
    [["-dry-run"], "-dry-run is of one database: name the database too"],
    [
      ["-point", "a", "-timestamp", "2026-01-01T00:00:00Z"],
      "-point and -timestamp cannot stand together: keep one of them",
    ],
    [
      ["-point", "a", "data/shard_0.db"],
      "-point is of all databases of a fleet: give -config with a replication: block, and no database",
    ],
  ])("does not take %j", async (args, line) => {
    const { code, stderr } = await container.run("restore", ...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: `litewake: ${line}\n` });
  });

  it("restores one database too", async () => {
    await filled();
    container.wipe();
    expect((await container.run("restore", "data/shard_2.db")).code).toBe(0);
    expect(fs.readdirSync(container.data).filter((name) => name.endsWith(".db"))).toEqual(["shard_2.db"]);
    const { stdout } = await container.run("databases");
    expect(stdout.trim().split("\n")).toHaveLength(1 + SHARDS + 1);
  });
});

describe("replication that is switched off, or is the application's affair,", () => {
  it.each([
    ["enabled: false", "replication is switched off in the configuration (enabled: false); nothing is replicated"],
    [
      "mode: embedded",
      "the configuration says mode: embedded, so the application replicates by itself; nothing is replicated here",
    ],
  ])("%s: says so, ends with 0, and runs a child all the same", async (line, said) => {
    const file = container.folder.join("litejoin.yaml");
    const text = fs.readFileSync(file, "utf8");
    fs.writeFileSync(file, line.startsWith("enabled") ? text.replace("enabled: true", line) : `${text}  ${line}\n`);
    const alone = await container.run("replicate");
    expect({ code: alone.code, stderr: alone.stderr }).toEqual({ code: 0, stderr: `litewake: ${said}\n` });
    const child = await container.run("replicate", "-exec", "sh -c 'echo runs; exit 9'");
    expect({ code: child.code, out: child.stdout }).toEqual({ code: 9, out: "runs\n" });
    expect(fs.existsSync(container.replica)).toBe(false);
  });
});

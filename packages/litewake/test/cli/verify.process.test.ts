// `litewake verify` from outside: what it prints, where, and its exit code.
import fs from "node:fs";
import path from "node:path";
import { type RunResult, runLitewake, spawnShardedWriter, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { collect } from "../../../conformance/src/bytes.ts";
import type { FleetVerifyReport, VerifyReport } from "@litewake/core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verify } from "../../src/embed/verify.ts";
import { Container } from "../fleet/container.ts";
import { sampleGeneration, sampleReplica } from "../../../core/test/fixtures/sample-replica.ts";
import { openDatabase } from "./database.ts";

const NO_CONFIG = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };

function flip(file: string): void {
  const bytes = fs.readFileSync(file);
  const at = bytes.byteLength - 10;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.writeFileSync(file, bytes);
}

/** The files of a replica whose paths hold `part`, sorted. */
function objects(root: string, part: string): string[] {
  const names = fs.readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(part));
  return names
    .map((name) => `${root}/${name}`)
    .filter((name) => fs.statSync(name).isFile())
    .toSorted();
}

describe("a single database", () => {
  let folder: TempDir;
  let url: string;

  const litewake = (...args: string[]): Promise<RunResult> => runLitewake(args, { cwd: folder.path, env: NO_CONFIG });

  beforeAll(async () => {
    folder = tempDir("cli-verify");
    url = `file://${folder.join("replica")}`;
    fs.writeFileSync(
      folder.join("litewake.yml"),
      `dbs:\n  - path: shop.db\n    replicas:\n      - url: ${url}\n      - name: second\n        path: second\n`,
    );
    for (const rows of [3, 5]) {
      const db = openDatabase(folder.join("shop.db"), rows);
      expect((await litewake("replicate", "-once", "-config", "litewake.yml")).code).toBe(0);
      db.close();
    }
  });
  afterAll(() => folder.remove());

  it("that is whole: a table, one line, exit code 0", async () => {
    const { code, stdout, stderr } = await litewake("verify", url);
    const [header = "", row = ""] = stdout.trim().split("\n");
    expect(header.split(/ {2,}/)).toEqual([
      "replica",
      "generation",
      "snapshots",
      "segments",
      "size",
      "restorable from",
      "to",
      "state",
    ]);
    expect(row).toMatch(/^file {5}[0-9a-f]{16} +1 +\d+ +\S+ \S+ +20\S+Z +20\S+Z +proved$/);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^litewake: file is proved restorable up to [0-9a-f]{16}\/\d{8}:\d+ \(20\S+Z\): \d+ objects, .* s\n$/,
      ),
    });
    // From the first moment to the last, as the table has them.
    for (const time of row.split(/ {2,}/).slice(5, 7)) {
      const restored = await litewake("restore", "-timestamp", time, "-o", folder.join(`at-${time}.db`), url);
      expect(restored).toMatchObject({ code: 0 });
    }
  });

  it("every replica of the configuration, one database of it, one replica; as JSON", async () => {
    const all = await litewake("verify", "-config", "litewake.yml");
    expect(all).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^litewake: file is .*\nlitewake: second is /),
    });
    const args = ["-config", "litewake.yml", "-replica", "second", "-json"];
    const one = await litewake("verify", "shop.db", ...args);
    const json = JSON.parse(one.stdout) as { version: number; replicas: (VerifyReport & { database: string })[] };
    expect(json).toMatchObject({
      version: 1,
      replicas: [{ database: folder.join("shop.db"), replica: "second", sound: true, findings: [] }],
    });
    const generation = json.replicas[0]?.generations[0]?.generation ?? "";
    expect(await litewake("verify", "shop.db", ...args, "-generation", generation)).toMatchObject({ code: 0 });
  });

  it("that is damaged: what, where and what it means; exit code 5 though another replica is whole", async () => {
    const copy = folder.join("damaged");
    fs.cpSync(folder.join("replica"), copy, { recursive: true });
    const [snapshot = ""] = objects(copy, "snapshots/");
    flip(snapshot);
    const { code, stdout, stderr } = await litewake("verify", `file://${copy}`);
    expect(code).toBe(5);
    expect(stdout).toMatch(/ {2}damaged\n/);
    expect(stdout).toMatch(
      /\ndamage {2}file generation=[0-9a-f]{16} index=00000000 generations\/\S+ ?: the snapshot cannot be read, .*; nothing of this generation can be restored\n/,
    );
    expect(stderr).toMatch(
      /^litewake: file:\/\/\S+ is damaged in 1 place; newest point that is proved: nothing: \d+ objects/,
    );
    fs.writeFileSync(
      folder.join("both.yml"),
      `dbs:\n  - path: shop.db\n    replicas:\n      - url: ${url}\n      - name: bad\n        path: damaged\n`,
    );
    const both = await litewake("verify", "-json", "-config", "both.yml");
    expect(both.code).toBe(5);
    expect(JSON.parse(both.stdout)).toMatchObject({ replicas: [{ sound: true }, { replica: "bad", sound: false }] });
  });

  it("of a fleet, by its own URL: what retention leaves out behind a pinned point is no damage", async () => {
    const root = folder.join("fleet");
    const { client } = await sampleReplica(fs.mkdtempSync(folder.join("sample-")), { snapshots: [0, 2] });
    for await (const { key, modifiedAt } of client.list("")) {
      if (key.includes("/wal/00000001_")) continue;
      const file = `${root}/shop/${key}`;
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, await collect(await client.get(key)));
      fs.utimesSync(file, modifiedAt, modifiedAt);
    }
    expect((await litewake("verify", `file://${root}/shop`)).code).toBe(5);
    fs.mkdirSync(`${root}/litewake/pins`, { recursive: true });
    const pin = {
      version: 1,
      name: "kept",
      takenAt: new Date(),
      epoch: 0,
      databases: { shop: [sampleGeneration, 0, 0, 0] },
    };
    fs.writeFileSync(`${root}/litewake/pins/kept.json`, JSON.stringify(pin));
    const { code, stderr } = await litewake("verify", `file://${root}/shop/`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/ is proved restorable up to /) });
  });

  it("leaves nothing behind", async () => {
    const before = fs.readdirSync(folder.path);
    await litewake("verify", url);
    expect(fs.readdirSync(folder.path)).toEqual(before);
  });

  it.each([
    [["file:///nowhere/at/all"], 3, "file:///nowhere/at/all: the replica holds no backup"],
    [["a", "b"], 2, "too many arguments: b: litewake verify -h"],
    [["-generation", "7", "URL"], 2, '-generation: "7" is no generation: 16 hexadecimal digits'],
    [["-generation", "0123456789abcdef", "URL"], 3, "the replica holds no generation 0123456789abcdef: it holds "],
    [["-parallelism", "0", "URL"], 2, '-parallelism: "0" is no number from 1 to 1000'],
    [["-patience", "soon", "URL"], 2, '-patience: "soon" is no duration'],
    [["-replica", "x", "URL"], 2, "-replica needs a database of the configuration, not a URL"],
    [["-config", "empty.yml"], 2, "there is no database to verify: add one under `dbs:`, or give a URL"],
    [["-config", "none.yml"], 2, "configuration file"],
    [["-patience", "0", "s3://bucket/x?endpoint=http://127.0.0.1:1&region=none"], 4, "s3://bucket/x"],
  ])("%j: one line", async (args, code, line) => {
    fs.writeFileSync(folder.join("empty.yml"), "dbs: []\n");
    const env = { ...NO_CONFIG, AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y" };
    const words = ["verify", ...args.map((word) => (word === "URL" ? url : word))];
    const result = await runLitewake(words, { cwd: folder.path, env, timeoutMs: 60_000 });
    expect({ code: result.code, lines: result.stderr.trimEnd().split("\n").length }).toEqual({ code, lines: 1 });
    expect(result.stderr).toContain(line);
    expect(result.stdout).toBe("");
  });
});

describe("a fleet", () => {
  const SHARDS = 2;
  let container: Container;

  beforeEach(async () => {
    container = new Container();
    fs.mkdirSync(container.data);
    container.configure(["points: 0s", "sync_interval: 50ms"], SHARDS);
    await (await spawnShardedWriter(container.data, SHARDS, 1, 40)).waitFor(/^done$/);
    await using running = container.start();
    for (const name of ["shard_0", "shard_1", "dlq"])
      await running.waitFor(new RegExp(`msg="snapshot written".*${name}`));
    expect(await container.run("point", "before-deploy")).toMatchObject({ code: 0 });
    await (await spawnShardedWriter(container.data, SHARDS, 2, 40)).waitFor(/^done$/);
    expect(await container.run("point", "after")).toMatchObject({ code: 0 });
    await running.stop();
  });
  afterEach(() => container[Symbol.dispose]());

  it("that is whole: databases, points, manifest, lease; also from a disk that is empty, and as a call", async () => {
    container.wipe();
    const { code, stdout, stderr } = await container.run("verify");
    expect(stdout).toMatch(/\npoints {4}2 of 2 can be restored, the newest of 20.*Z\n/);
    expect(stdout).toMatch(/\nmanifest {2}epoch 1, 2 shards\n/);
    expect(stdout).toMatch(/\nlease {5}given up by process \d+ on .*, renewed 20.*Z\n/);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^litewake: file:\/\/\S+ is proved restorable, 3 databases: \d+ objects, /),
    });
    const report = await verify({ replica_url: `file://${container.replica}`, shard_count: SHARDS });
    expect(report).toMatchObject({ sound: true, points: { checked: 2, reachable: 2 } });
    expect(report.databases.map(({ name }) => name)).toEqual(["dlq", "shard_0", "shard_1"]);
    await expect(verify({ enabled: false })).rejects.toMatchObject({
      message: "replication is switched off (enabled: false): leave enabled out to verify",
    });
    const member = await container.run("verify", container.file("shard_0.db"));
    expect(member).toMatchObject({ code: 0 });
    expect(await container.run("verify", "-replica", "x")).toMatchObject({
      code: 2,
      stderr: "litewake: -replica is of one database: name the database too\n",
    });
  });

  it("with a damaged segment: the database, and the points that cannot be reached", async () => {
    const last = objects(container.replica, "shard_1/generations").findLast((name) => name.includes("/wal/")) ?? "";
    flip(last);
    const { code, stdout } = await container.run("verify", "-json");
    expect(code).toBe(5);
    const { fleet } = JSON.parse(stdout) as { fleet: FleetVerifyReport };
    expect(fleet.databases.map(({ name, report }) => [name, report?.sound])).toEqual([
      ["dlq", true],
      ["shard_0", true],
      ["shard_1", false],
    ]);
    expect(fleet.points).toMatchObject({ checked: 2, reachable: 1 });
    expect(fleet.findings).toMatchObject([
      {
        kind: "damage",
        key: "litewake/points/named/after.json",
        what: expect.stringMatching(/^shard_1 cannot be restored to \S+, the WAL that leads to it is (damaged|gone)$/),
        means: "a restore to it is refused",
      },
    ]);
    const human = await container.run("verify");
    expect(human.stdout).toMatch(/points {4}1 of 2 can be restored/);
    expect(human.stderr).toMatch(/ is damaged \(shard_1\): /);
    // What it says of the points is true.
    container.wipe();
    expect(await container.run("restore", "-point", "after")).toMatchObject({ code: 5 });
    expect(await container.run("restore", "-point", "before-deploy")).toMatchObject({ code: 0 });
  });

  it("with objects of its own that cannot be read, and a database that is gone", async () => {
    for (const part of ["litewake/manifest", "litewake/points/named/after", "litewake/lease"])
      for (const name of objects(container.replica, part)) fs.writeFileSync(name, "{");
    fs.rmSync(`${container.replica}/shard_0`, { recursive: true });
    const { code, stdout } = await container.run("verify", "-json");
    expect(code).toBe(5);
    const { fleet } = JSON.parse(stdout) as { fleet: FleetVerifyReport };
    expect(fleet.findings.map(({ kind, key, means }) => [kind, key, means])).toEqual([
      [
        "damage",
        "litewake/manifest/00000001.json",
        "a restore of the whole fleet is refused; each database can be restored by its own URL",
      ],
      ["damage", "litewake/lease/", "no process can begin to replicate here; restores do not need it"],
      ["damage", "litewake/points/named/after.json", "a restore to it is refused"],
      ["damage", "litewake/points/named/before-deploy.json", "a restore to it is refused"],
    ]);
    expect(fleet.databases.find(({ name }) => name === "shard_0")).toEqual({ name: "shard_0", report: null });
  });

  it("of which nothing is there", async () => {
    fs.rmSync(container.replica, { recursive: true });
    expect(await container.run("verify")).toMatchObject({
      code: 3,
      stdout: "",
      stderr: `litewake: file://${container.replica} holds no backup of any database: check replica_url\n`,
    });
  });
});

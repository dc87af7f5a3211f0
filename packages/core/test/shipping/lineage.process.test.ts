// What may begin a history and what may not: restored, missing, empty, older, replaced databases, and a rival writer.
import fs from "node:fs";
import path from "node:path";
import { spawnWriter, tempDir, type TempDir, verifyLedger } from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { isGeneration } from "../../src/replica/position.ts";
import { restore } from "../../src/restore/restore.ts";
import { noteRestored } from "../../src/shipping/restored-state.ts";
import {
  expectSame,
  generationsIn,
  ledgerIn,
  objectsIn,
  Replicator,
  startReplicator,
} from "../fixtures/replica-run.ts";
import type { ReplicatorOptions } from "../fixtures/replicator.ts";

const commit = async (database: string, commits: number) =>
  (await spawnWriter("node-sqlite", database, { commits })).finished();

async function shipOnce(settings: ReplicatorOptions): Promise<Replicator> {
  const replicator = await startReplicator(settings);
  await replicator.stop();
  return replicator;
}

async function restoreGeneration(folder: string, name: string | undefined, output: string): Promise<void> {
  const generation = name !== undefined && isGeneration(name) ? name : undefined;
  const client = await file.open({ url: `file://${folder}`, settings: {}, env: {} });
  await restore({ replicas: [{ name: "replica", client }], target: { generation }, output });
}

/** Starts a replicator that must be refused; resolves with what it said. */
async function refused(settings: ReplicatorOptions): Promise<{ kind?: string; message?: string }> {
  await using replicator = new Replicator(settings);
  const line: { kind?: string; message?: string } = JSON.parse(await replicator.process.waitFor(/"event":"refused"/));
  expect((await replicator.process.ended).code).toBe(1);
  return line;
}

/** A database of 20 commits that was shipped once, and its restore beside it. */
async function shippedAndRestored(folder: TempDir) {
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  await commit(database, 20);
  await shipOnce({ database, replicas: [`file://${replica}`] });
  const back = folder.join("back.db");
  const client = await file.open({ url: `file://${replica}`, settings: {}, env: {} });
  const result = await restore({ replicas: [{ name: "replica", client }], output: back });
  return { replica, back, result };
}

describe("a database that was restored", () => {
  it("goes on in the same generation, without a snapshot", async () => {
    using folder = tempDir("restored");
    const { replica, back, result } = await shippedAndRestored(folder);
    noteRestored(back, result);
    await using replicator = await startReplicator({ database: back, replicas: [`file://${replica}`] });
    await commit(back, 10);
    await replicator.stop();
    expect(replicator.reasons).toEqual([]);
    expect(objectsIn(replica, "/snapshots/")).toHaveLength(1);
    expect(await ledgerIn(replica)).toBe(30);
    await expectSame(back, replica);
  });

  it("is not noted as restored where an application that waited for its name was faster", async () => {
    using folder = tempDir("faster");
    const { replica, back, result } = await shippedAndRestored(folder);
    // Written back into the file when it is closed.
    await commit(back, 5);
    noteRestored(back, result);
    const replicator = await shipOnce({ database: back, replicas: [`file://${replica}`] });
    expect(replicator.reasons).toHaveLength(1);
    await expectSame(back, replica);
  });

  it("begins anew, and says so, once somebody has changed the file in between", async () => {
    using folder = tempDir("touched");
    const { replica, back, result } = await shippedAndRestored(folder);
    noteRestored(back, result);
    // Written to and closed while nobody followed: SQLite has put the WAL back into the file and deleted it.
    await commit(back, 5);
    const replicator = await shipOnce({ database: back, replicas: [`file://${replica}`] });
    expect(replicator.reasons).toHaveLength(1);
    await expectSame(back, replica);
  });
});

describe("existing history is not replaced by", () => {
  it("an empty database where the replica's last segment cannot be read", async () => {
    using folder = tempDir("unreadable");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await commit(database, 20);
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    await commit(database, 20);
    await replicator.stop();
    const last = path.join(replica, objectsIn(replica, "/wal/").at(-1) ?? "");
    fs.truncateSync(last, fs.statSync(last).size - 3);
    for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(`${database}${suffix}`, { force: true });
    fs.rmSync(folder.join(".app.db-litewake"), { recursive: true, force: true });
    using empty = new DatabaseSync(database);
    empty.exec("pragma journal_mode=wal");
    const { kind, message } = await refused({ database, replicas: [`file://${replica}`] });
    expect(kind).toBe("refused");
    expect(message).toMatch(/app\.db is new or empty, but the replica is not: .*restore the database first/);
    expect(generationsIn(replica)).toHaveLength(1);
  });

  it.each(["missing", "empty"])("a database that is %s", async (what) => {
    using folder = tempDir("refused");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await commit(database, 20);
    await shipOnce({ database, replicas: [`file://${replica}`] });
    for (const name of fs.readdirSync(folder.path))
      if (name.includes("app.db")) fs.rmSync(folder.join(name), { recursive: true });
    if (what === "empty") new DatabaseSync(database).exec("pragma journal_mode=wal; create table t(x); drop table t");
    const settings = { database, replicas: [`file://${replica}`] };
    const { kind, message } = await refused(settings);
    expect(kind).toBe("refused");
    expect(message).toContain(database);
    expect(message).toContain(replica);
    expect(message).toContain("-new-history");
    expect(await ledgerIn(replica)).toBe(20);
    expect(generationsIn(replica)).toHaveLength(1);
    // Insisted upon, the new history begins beside the old one, which stays restorable.
    const [old] = generationsIn(replica);
    await using insisting = await startReplicator({ ...settings, newHistory: true });
    await commit(database, 3);
    await insisting.stop();
    expect(generationsIn(replica)).toHaveLength(2);
    expect(await ledgerIn(replica)).toBe(3);
    const before = folder.join("before.db");
    await restoreGeneration(replica, old, before);
    expect(verifyLedger(before).lastSeq).toBe(20);
  });

  it("an older copy of the database and its WAL", async () => {
    using folder = tempDir("older");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const settings = { database, replicas: [`file://${replica}`] };
    await using replicator = await startReplicator(settings);
    const writer = await spawnWriter("node-sqlite", database, { rate: 100 });
    await writer.reached(20);
    await writer.kill();
    await replicator.synced();
    fs.mkdirSync(folder.join("copy"));
    for (const suffix of ["", "-wal"]) fs.copyFileSync(`${database}${suffix}`, folder.join("copy", `app.db${suffix}`));
    await commit(database, 20);
    await replicator.stop();
    const { kind, message } = await refused({ ...settings, database: folder.join("copy", "app.db") });
    expect(kind).toBe("refused");
    expect(message).toContain("older");
    await expectSame(database, replica);
  });
});

describe("a database", () => {
  it("that appears after the start is followed from its first commit", async () => {
    using folder = tempDir("late");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    const writer = await spawnWriter("node-sqlite", database, { rate: 100 });
    await replicator.process.waitFor(/snapshot written/);
    await writer.stop();
    await replicator.stop();
    await expectSame(database, replica);
    expect(generationsIn(replica)).toHaveLength(1);
  });

  it("that is deleted and made anew gets a new generation; the old one stays restorable", async () => {
    using folder = tempDir("replaced");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await commit(database, 20);
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    await replicator.synced();
    const [old] = generationsIn(replica);
    for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(`${database}${suffix}`, { force: true });
    await commit(database, 7);
    await expect.poll(() => generationsIn(replica).length, { timeout: 20_000 }).toBe(2);
    await commit(database, 2);
    await replicator.stop();
    expect(await ledgerIn(replica)).toBe(9);
    await expectSame(database, replica);
    const before = folder.join("before.db");
    await restoreGeneration(replica, old, before);
    expect(verifyLedger(before).lastSeq).toBe(20);
  });

  it("without a table is shipped and comes back", async () => {
    using folder = tempDir("no-table");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    const db = new DatabaseSync(database);
    db.exec("pragma journal_mode=wal; create table t(x); drop table t");
    db.close();
    await shipOnce({ database, replicas: [`file://${replica}`] });
    await expectSame(database, replica);
  });

  it("of no bytes at all is waited for, and nothing is written into it", async () => {
    using folder = tempDir("no-bytes");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    fs.writeFileSync(database, "");
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
    await replicator.process.waitFor(/waiting for the database/);
    expect(fs.statSync(database).size).toBe(0);
    await (await spawnWriter("node-sqlite", database, { commits: 3, pageSize: 1024 })).finished();
    await replicator.process.waitFor(/snapshot written/);
    await replicator.stop();
    await expectSame(database, replica);
  });

  it("keeps its schema and every setting that it had", async () => {
    using folder = tempDir("unchanged");
    const database = folder.join("app.db");
    const names = [
      "schema_version",
      "user_version",
      "application_id",
      "auto_vacuum",
      "encoding",
      "page_size",
      "journal_mode",
    ];
    const look = () => {
      const db = new DatabaseSync(database, { readOnly: true });
      const settings = names.map(
        (name) => `${name}=${String(Object.values(db.prepare(`pragma ${name}`).get() ?? {})[0])}`,
      );
      const schema = db.prepare("select type, name, tbl_name, sql from sqlite_schema order by name").all();
      db.close();
      return JSON.stringify([settings, schema]);
    };
    await commit(database, 5);
    const before = look();
    await using replicator = await startReplicator({
      database,
      replicas: [`file://${folder.join("replica")}`],
      tuning: { rotateFromBytes: 50_000 },
    });
    await commit(database, 300);
    await replicator.stop();
    expect(look()).toBe(before);
  });
});

it("of two replicators on one path, the one that finds a name taken stops, and replaces nothing", async () => {
  using folder = tempDir("rivals");
  const replica = folder.join("replica");
  const database = folder.join("app.db");
  await commit(database, 5);
  await using first = await startReplicator({ database, replicas: [`file://${replica}`] });
  await commit(database, 5);
  await first.synced();
  // The second one works on a copy that had the same past, as a container does that was started twice.
  fs.mkdirSync(folder.join("copy"));
  const copy = folder.join("copy", "app.db");
  for (const suffix of ["", "-wal"]) fs.copyFileSync(`${database}${suffix}`, `${copy}${suffix}`);
  await using second = await startReplicator({ database: copy, replicas: [`file://${replica}`] });
  await commit(database, 5);
  await first.synced();
  await (await spawnWriter("python", copy, { commits: 3 })).finished();
  await second.process.waitFor(/was written by another process/);
  await commit(database, 2);
  await first.stop();
  await expectSame(database, replica);
});

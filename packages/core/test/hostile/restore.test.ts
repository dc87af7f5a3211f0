// What a restore leaves on the disk, and what it says, when the replica lies.
import fs from "node:fs";
import { memoryClient } from "@litewake/conformance";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { compressAll } from "../../src/codec/lz4-stream.ts";
import { encodeSkippableFrame } from "../../src/codec/lz4-frame.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { checkFile, openUntrusted } from "../../src/restore/check-file.ts";
import { DiskRoom } from "../../src/restore/disk-room.ts";
import { restore } from "../../src/restore/restore.ts";
import { buildWal } from "../wal/wal-builder.ts";

const generation = "fd6faaf1f3752b45" as Generation;
let folder: TempDir;
let client: ReplicaClient;
beforeEach(() => {
  folder = tempDir("hostile");
  client = memoryClient();
});
afterEach(() => folder[Symbol.dispose]());

function database(sql: string): Buffer {
  const path = folder.join("base.db");
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
  const bytes = fs.readFileSync(path);
  fs.rmSync(path);
  return bytes;
}

const restored = (output: string) => restore({ replicas: [{ name: "memory", client }], output });

describe("what is restored", () => {
  it("is its user's alone, with the folders that were made for it, though the umask forbids nothing", async () => {
    await client.put(snapshotKey(generation, 0), compressAll(database("create table t(a)")));
    const umask = process.umask(0);
    try {
      await restored(folder.join("new", "deep", "out.db"));
    } finally {
      process.umask(umask);
    }
    const modes = ["new", "new/deep", "new/deep/out.db"].map((name) => fs.statSync(folder.join(name)).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  it("does not go through a link in its place, dangling or not", async () => {
    await client.put(snapshotKey(generation, 0), compressAll(database("create table t(a)")));
    for (const target of [folder.join("nowhere"), "/etc/passwd"]) {
      fs.symlinkSync(target, folder.join("out.db"));
      await expect(restored(folder.join("out.db"))).rejects.toMatchObject({ kind: "refused" });
      fs.rmSync(folder.join("out.db"));
    }
    expect(fs.readdirSync(folder.path)).toEqual([]);
  });
});

it("a proof that is broken in a snapshot that a thread decodes is damage, with its place", async () => {
  const noise = Buffer.alloc(9 << 20);
  for (let at = 0; at < noise.length; at += 4) noise.writeInt32LE(Math.imul(at, 0x9e3779b1), at);
  const proof = encodeSkippableFrame(Buffer.from("LWP1\0\0\0\0{}"));
  await client.put(snapshotKey(generation, 0), Buffer.concat([proof, compressAll(noise)]));
  await expect(restored(folder.join("out.db"))).rejects.toMatchObject({
    kind: "damaged",
    message: expect.stringMatching(
      /^the snapshot cannot be read, the proof beside the content is broken: .* index=00000000$/,
    ),
  });
  expect(fs.readdirSync(folder.path)).toEqual([]);
});

it("a WAL that makes the database grow beyond all that it holds is damage, and no file of that size is made", async () => {
  const base = database("create table t(a)");
  await client.put(snapshotKey(generation, 0), compressAll(base));
  const frames = [{ page: 1, data: base.subarray(0, 4096), commitPages: 0x7fffffff }];
  await client.put(segmentKey(generation, 0, 0), compressAll(buildWal({ pageSize: 4096, salt1: 1, salt2: 2 }, frames)));
  await expect(restored(folder.join("out.db"))).rejects.toThrow(
    /the database has 2147483647 pages, where its snapshot and 1 frames hold no more than 1028/,
  );
});

describe("a disk", () => {
  const stat = (free: number, blocks: number) => () => ({ bavail: free, bsize: 4096, blocks });

  it.each([
    ["large, with little left", 1000, 1 << 28, true],
    ["large, with enough left", 1 << 20, 1 << 28, false],
    ["small, with a hundredth left", 101, 10_000, false],
    ["small, with less left", 99, 10_000, true],
    ["that knows no sizes", 0, 0, false],
  ] as const)("%s", (_, free, blocks, full) => {
    const room = new DiskRoom("/", stat(free, blocks));
    room.take(1 << 20);
    const much = () => room.take(64 << 20);
    if (full) expect(much).toThrow(/^ENOSPC/);
    else expect(much).not.toThrow();
  });
});

describe("SQLite's look at a restored file", () => {
  it("trusts no schema, looks at cells before it uses them, and loads no extension", () => {
    const path = folder.join("x.db");
    fs.writeFileSync(path, database("create table t(a)"));
    using db = openUntrusted(path);
    expect(db.prepare("pragma trusted_schema").get()).toEqual({ trusted_schema: 0 });
    expect(db.prepare("pragma cell_size_check").get()).toEqual({ cell_size_check: 1 });
    expect(() => db.prepare("select load_extension('x')").get()).toThrow(/not authorized/);
    expect(() => db.exec("create table evil(a)")).toThrow(/readonly/);
  });

  it("leaves nothing beside it", () => {
    const path = folder.join("x.db");
    const db = new DatabaseSync(path);
    db.exec("pragma journal_mode=wal; create table t(a)");
    db.close();
    checkFile({ file: path, check: "full" });
    expect(fs.readdirSync(folder.path)).toEqual(["x.db"]);
  });
});

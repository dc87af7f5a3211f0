// The parts of a drill: hashes of pages, the folder that goes away, the notes, the restore that is compared.
import fs from "node:fs";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DrillNote, readNotes, writeNote } from "../../src/drill/drill-notes.ts";
import { differenceFrom, HASH_BYTES, writePageHashes } from "../../src/drill/page-hashes.ts";
import { proveRestorable } from "../../src/drill/prove-restorable.ts";
import { requireRoom, Scratch, sweepScratch } from "../../src/drill/scratch.ts";
import type { Generation } from "../../src/replica/position.ts";
import { restore } from "../../src/restore/restore.ts";
import { sampleGeneration as generation, sampleReplica } from "../fixtures/sample-replica.ts";

const signal = new AbortController().signal;
let folder: TempDir;

beforeEach(() => {
  folder = tempDir("drill");
});
afterEach(() => folder.remove());

/** Hashes the first `sizeBytes` of a file, as of a database that stands still. */
async function hashesOf(file: string, sizeBytes: number, pageSize: number): Promise<string> {
  const descriptor = fs.openSync(file, "r");
  const output = folder.join(`${fs.readdirSync(folder.path).length}.hashes`);
  try {
    await writePageHashes({ descriptor, sizeBytes, pageSize }, output, signal);
  } finally {
    fs.closeSync(descriptor);
  }
  return output;
}

describe("pages", () => {
  it.each([
    [512, 9000],
    [4096, 1500],
    [4096, 5000],
    [65_536, 300],
  ])("of %i bytes: equal, changed, missing and added ones are told", async (pageSize, count) => {
    const file = folder.join("db");
    const bytes = Buffer.alloc(pageSize * count);
    for (let at = 0; at < bytes.byteLength; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    // What lies behind the database's end is not part of it.
    fs.writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(pageSize, 7)]));
    const hashes = await hashesOf(file, bytes.byteLength, pageSize);
    expect(fs.statSync(hashes).size).toBe(count * HASH_BYTES);
    fs.writeFileSync(file, bytes);
    expect(await differenceFrom(file, hashes, pageSize, signal)).toBeUndefined();
    const changed = Buffer.from(bytes);
    for (const page of [0, count >> 1, count - 1])
      changed[page * pageSize + 3] = (changed[page * pageSize + 3] ?? 0) ^ 1;
    fs.writeFileSync(file, changed);
    const three = { count: 3, pages: [1, (count >> 1) + 1, count] };
    expect(await differenceFrom(file, hashes, pageSize, signal)).toEqual(three);
    fs.writeFileSync(file, bytes.subarray(0, -1));
    expect(await differenceFrom(file, hashes, pageSize, signal)).toEqual({ count: 1, pages: [count] });
    fs.writeFileSync(file, Buffer.concat([bytes, bytes.subarray(0, 20 * pageSize)]));
    const added = await differenceFrom(file, hashes, pageSize, signal);
    expect(added).toEqual({ count: 20, pages: Array.from({ length: 8 }, (_, n) => count + 1 + n) });
    fs.writeFileSync(file, "");
    expect(await differenceFrom(file, hashes, pageSize, signal)).toMatchObject({ count });
  });

  it("cannot be hashed where the file is shorter than the database, nor over a file that is there, nor once it was stopped", async () => {
    const file = folder.join("db");
    fs.writeFileSync(file, Buffer.alloc(4096));
    await expect(hashesOf(file, 8192, 4096)).rejects.toThrow("the database ends at 4096 bytes, expected 8192");
    const descriptor = fs.openSync(file, "r");
    const there = { descriptor, sizeBytes: 4096, pageSize: 4096 };
    await expect(writePageHashes(there, file, signal)).rejects.toMatchObject({ code: "EEXIST" });
    const stopped = AbortSignal.abort(new Error("enough"));
    await expect(writePageHashes(there, folder.join("h"), stopped)).rejects.toThrow("enough");
    fs.closeSync(descriptor);
  });
});

describe("the folder", () => {
  it("goes at the end; what a killed process left goes at the next start, and nothing else", async () => {
    const mine = { folder: folder.path, owner: "/data/a.db\nfile" };
    const others = { folder: folder.path, owner: "/data/b.db\nfile" };
    {
      await using scratch = await Scratch.make(mine);
      fs.writeFileSync(scratch.file("restored"), "x");
      expect(fs.readdirSync(folder.path)).toHaveLength(1);
      expect(fs.statSync(scratch.path).mode & 0o777).toBe(0o700);
    }
    expect(fs.readdirSync(folder.path)).toEqual([]);
    const left = await Scratch.make(mine);
    fs.writeFileSync(left.file("restored"), "x");
    await using _theirs = await Scratch.make(others);
    fs.writeFileSync(folder.join("state.json"), "{}");
    expect(sweepScratch(mine)).toBe(1);
    expect(sweepScratch(mine)).toBe(0);
    expect(fs.readdirSync(folder.path)).toHaveLength(2);
    expect(sweepScratch({ ...mine, folder: folder.join("nowhere") })).toBe(0);
  });

  it("that cannot be made, and a disk without room, are one line", async () => {
    fs.writeFileSync(folder.join("file"), "");
    expect(sweepScratch({ folder: folder.join("file"), owner: "x" })).toBe(0);
    await expect(Scratch.make({ folder: folder.join("file"), owner: "x" })).rejects.toMatchObject({
      kind: "database",
      message: expect.stringMatching(
        /^the drill has no place to restore to: .*: set verify-path to a folder that can be written$/,
      ),
    });
    await requireRoom(folder.path, 1 << 20);
    await expect(requireRoom(folder.path, 2 ** 60)).rejects.toMatchObject({
      kind: "database",
      message: expect.stringMatching(
        /^\/.* has no room for a drill: \d+ MiB are free, it needs \d+ MiB: make room, or set verify-path to a folder on another disk$/,
      ),
    });
  });
});

describe("the notes", () => {
  const position = { generation: "0123456789abcdef" as Generation, index: 3, offset: 4152 };
  const endedAt = "2026-01-02T03:04:05.000Z";

  it("come back, each replica's by itself", () => {
    const proved = { outcome: "proved" as const, endedAt, reason: null, proved: { position, moment: endedAt } };
    const failed = { outcome: "failed" as const, endedAt, reason: "why", proved: null };
    writeNote(folder.join("meta"), "file:///a", proved);
    writeNote(folder.join("meta"), "file:///b", failed);
    expect(readNotes(folder.join("meta"))).toEqual(
      new Map<string, DrillNote>([
        ["file:///a", proved],
        ["file:///b", failed],
      ]),
    );
    expect(fs.statSync(folder.join("meta/drills.json")).mode & 0o777).toBe(0o600);
  });

  it.each([
    "",
    "{",
    "[]",
    "null",
    '{"version":2,"replicas":{"u":{"outcome":"proved","endedAt":"2026-01-02T03:04:05.000Z"}}}',
    '{"version":1,"replicas":{"u":{"outcome":"well","endedAt":"2026-01-02T03:04:05.000Z"},"v":{"outcome":"proved","endedAt":"now"},"w":7}}',
  ])("that are %j are not there", (text) => {
    fs.writeFileSync(folder.join("drills.json"), text);
    expect(readNotes(folder.path).size).toBe(0);
  });
});

describe("the drill", () => {
  async function prepared() {
    const { client, segments } = await sampleReplica(folder.path, { snapshots: [0, 2] });
    const last = segments.at(-1);
    const replica = { name: "memory", client };
    const place = {
      generation,
      index: last?.index ?? 0,
      offset: (last?.offset ?? 0) + (last?.bytes.byteLength ?? 0),
      snapshot: 2,
    };
    const truth = folder.join("truth");
    await restore({ replicas: [replica], output: truth, target: { place } });
    const sizeBytes = fs.statSync(truth).size;
    const hashes = await hashesOf(truth, sizeBytes, 1024);
    fs.mkdirSync(folder.join("scratch"));
    const task = { place, pageSize: 1024, hashes, output: folder.join("scratch/restored"), sizeBytes };
    return { replica, task, truth };
  }
  const how = () => ({ folder: folder.join("scratch"), signal });

  it("proves a replica, down to the place", async () => {
    const { replica, task } = await prepared();
    const proof = await proveRestorable(replica, task, how());
    expect(proof).toMatchObject({
      position: { generation, index: task.place.index, offset: task.place.offset },
      pages: task.sizeBytes / 1024,
    });
    expect(proof.bytesFetched).toBeGreaterThan(0);
  });

  it("fails where pages differ, and names them; where something is gone; where there is no room", async () => {
    const { replica, task, truth } = await prepared();
    const bytes = fs.readFileSync(truth);
    bytes.writeUInt32BE(1, 2 * 1024 + 100);
    bytes.writeUInt32BE(1, 4 * 1024 + 100);
    fs.writeFileSync(truth, bytes);
    const hashes = await hashesOf(truth, task.sizeBytes, 1024);
    await expect(proveRestorable(replica, { ...task, hashes }, how())).rejects.toMatchObject({
      kind: "damaged",
      message: expect.stringMatching(
        /^memory:\/\/ does not bring the database back: 2 of \d+ pages are not what the database had there \(pages 3, 5\): /,
      ),
    });
    fs.rmSync(task.output);
    await expect(proveRestorable(replica, { ...task, sizeBytes: 2 ** 60 }, how())).rejects.toMatchObject({
      kind: "database",
      message: expect.stringContaining("has no room for a drill"),
    });
    expect(fs.readdirSync(folder.join("scratch"))).toEqual([]);
    const [key = ""] = [...replica.client.objects.keys()].filter((name) => name.includes("/wal/00000002"));
    replica.client.objects.delete(key);
    await expect(proveRestorable(replica, task, how())).rejects.toMatchObject({ kind: "damaged" });
  });
});

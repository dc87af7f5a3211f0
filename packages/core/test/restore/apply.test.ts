// What a restore makes of snapshot and WAL is what SQLite makes of them, index by index, byte for byte.
import fs from "node:fs";
import { memoryClient } from "@litewake/conformance";
import { tempDir } from "@litewake-tooling/testkit";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import type { LogFields } from "../../src/logger.ts";
import { compressAll } from "../../src/codec/lz4-stream.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { encodeProof } from "../../src/replica/proof.ts";
import { FrameSpool } from "../../src/restore/frame-spool.ts";
import { restore } from "../../src/restore/restore.ts";
import { frameBytes } from "../../src/wal/frame.ts";
import { parseWalHeader } from "../../src/wal/header.ts";
import { buildWal, type FrameSpec } from "../wal/wal-builder.ts";

const generation = "fd6faaf1f3752b45" as Generation;
const PAGE = 512;
const FRAME = frameBytes(PAGE);

let folder: ReturnType<typeof tempDir>;
let runs = 0;
beforeEach(() => {
  folder = tempDir("apply");
});
afterEach(() => folder.remove());

/** An empty database in WAL mode of `pages` pages; those after the first are noise, which SQLite never looks at here. */
function database(pages: number): Buffer {
  const file = folder.join(`base-${runs++}.db`);
  const db = new DatabaseSync(file);
  db.exec(`pragma page_size=${PAGE}; pragma journal_mode=wal`);
  db.close();
  const first = fs.readFileSync(file).subarray(0, PAGE);
  return Buffer.concat([first, ...Array.from({ length: pages - 1 }, (_, n) => Buffer.alloc(PAGE, n + 2))]);
}

/** As Litestream 0.3.13 applies: each index as the WAL beside the file, recovered and checkpointed by SQLite. */
function applied(base: Buffer, wals: readonly Uint8Array[]): Buffer {
  const file = folder.join(`sqlite-${runs++}.db`);
  fs.writeFileSync(file, base);
  for (const wal of wals) {
    if (wal.byteLength === 0) continue;
    fs.writeFileSync(`${file}-wal`, wal);
    const db = new DatabaseSync(file);
    expect(db.prepare("pragma wal_checkpoint(truncate)").get()).toMatchObject({ busy: 0 });
    db.close();
    fs.rmSync(`${file}-shm`, { force: true });
  }
  return fs.readFileSync(file);
}

/** Puts each WAL as one index, cut into segments after the frames numbered in `cuts`. */
async function ship(base: Buffer, wals: readonly Uint8Array[], cuts: readonly number[] = []): Promise<ReplicaClient> {
  const client = memoryClient({ chunkBytes: 701 });
  await client.put(snapshotKey(generation, 0), compressAll(base));
  for (const [index, wal] of wals.entries()) {
    const places = [0, ...cuts.map((count) => 32 + count * FRAME).filter((at) => at < wal.byteLength), wal.byteLength];
    const ordered = [...new Set(places)].toSorted((x, y) => x - y);
    if (ordered.length === 1) ordered.push(0);
    for (let n = 0; n + 1 < ordered.length; n++) {
      const from = ordered[n] ?? 0;
      await client.put(segmentKey(generation, index, from), compressAll(wal.subarray(from, ordered[n + 1])));
    }
  }
  return client;
}

async function restored(client: ReplicaClient) {
  const output = folder.join(`restored-${runs++}.db`);
  const warnings: { message: string; fields: LogFields | undefined }[] = [];
  const result = await restore({
    replicas: [{ name: "memory", client }],
    output,
    integrityCheck: "none",
    logger: (level, message, fields) => {
      if (level === "warn") warnings.push({ message, fields });
    },
  });
  return { result, bytes: fs.readFileSync(output), warnings };
}

/** One WAL life: transactions of pages, each with the database's size after it; page 1 keeps its content. */
const transaction = fc.record({
  pages: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 }),
  size: fc.integer({ min: 1, max: 30 }),
});
const life = fc.record({ transactions: fc.array(transaction, { maxLength: 6 }), littleEndian: fc.boolean() });

function walOf(
  first: Uint8Array,
  transactions: readonly { pages: readonly number[]; size: number }[],
  seed: number,
  littleEndian = true,
): Uint8Array {
  const frames = transactions.flatMap(({ pages, size }, t) =>
    pages.map((page, n): FrameSpec => ({
      page,
      data: page === 1 ? first : Buffer.alloc(PAGE, `${seed}.${t}.${n}.${page}`),
      commitPages: n === pages.length - 1 ? size : 0,
    })),
  );
  return buildWal({ pageSize: PAGE, salt1: 7 * seed + 1, salt2: 13 * seed + 5, littleEndian }, frames);
}

describe("as SQLite does:", () => {
  it("any transactions over any number of indexes, however they are cut, shrinking and growing", async () => {
    const cuts = fc.uniqueArray(fc.nat(20), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.array(life, { maxLength: 4 }),
        cuts,
        async (pages, lives, where) => {
          const base = database(pages);
          const wals = lives.map(({ transactions, littleEndian }, n) =>
            walOf(base.subarray(0, PAGE), transactions, n, littleEndian),
          );
          const { bytes, result } = await restored(await ship(base, wals, where));
          expect(Buffer.compare(bytes, applied(base, wals))).toBe(0);
          expect(result.pages * PAGE).toBe(bytes.byteLength);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("a page that was cut off in one index is zeros when the next grows over it, and comes back within one", async () => {
    const base = database(10);
    const first = base.subarray(0, PAGE);
    const across = [walOf(first, [{ pages: [9, 1], size: 4 }], 1), walOf(first, [{ pages: [1, 12], size: 12 }], 2)];
    const there = await restored(await ship(base, across));
    expect(there.bytes.subarray(8 * PAGE, 9 * PAGE)).toEqual(Buffer.alloc(PAGE));
    expect(Buffer.compare(there.bytes, applied(base, across))).toBe(0);
    const within = [
      walOf(
        first,
        [
          { pages: [9], size: 10 },
          { pages: [1], size: 4 },
          { pages: [1], size: 12 },
        ],
        3,
      ),
    ];
    const again = await restored(await ship(base, within));
    expect(Buffer.compare(again.bytes, applied(base, within))).toBe(0);
    expect(again.bytes.subarray(8 * PAGE, 9 * PAGE)).not.toEqual(Buffer.alloc(PAGE));
  });

  it("an index of a header only changes nothing; one of nothing at all is nobody's", async () => {
    const base = database(3);
    const wals = [
      walOf(base.subarray(0, PAGE), [{ pages: [2], size: 3 }], 1),
      walOf(base, [], 2),
      walOf(base.subarray(0, PAGE), [{ pages: [3], size: 3 }], 3),
    ];
    expect(Buffer.compare((await restored(await ship(base, wals))).bytes, applied(base, wals))).toBe(0);
    const withNothing = await ship(base, [...wals.slice(0, 2), new Uint8Array(0), ...wals.slice(2)]);
    await expect(restored(withNothing)).rejects.toMatchObject({ kind: "damaged", place: { index: 2, offset: 0 } });
  });
});

describe("the end", () => {
  const open = (base: Buffer) => {
    const whole = walOf(
      base.subarray(0, PAGE),
      [
        { pages: [2], size: 3 },
        { pages: [3, 2], size: 3 },
      ],
      1,
    );
    return whole.subarray(0, whole.byteLength - FRAME);
  };

  it("inside a transaction is the commit before it, and said so", async () => {
    const base = database(3);
    const { bytes, result, warnings } = await restored(await ship(base, [open(base)], [1]));
    expect(Buffer.compare(bytes, applied(base, [open(base)]))).toBe(0);
    expect(result.position).toEqual({ generation, index: 0, offset: 32 + FRAME });
    expect(warnings).toEqual([{ message: expect.stringContaining("no commit"), fields: { frames: 1 } }]);
  });

  it("inside a transaction, with another index behind it, is a missing tail", async () => {
    const base = database(3);
    const client = await ship(base, [open(base), walOf(base.subarray(0, PAGE), [{ pages: [2], size: 3 }], 2)]);
    await expect(restored(client)).rejects.toMatchObject({
      kind: "damaged",
      place: { index: 0, offset: 32 + 2 * FRAME },
    });
  });

  it("inside a frame is damage, though the object is whole", async () => {
    const base = database(3);
    const wal = walOf(base.subarray(0, PAGE), [{ pages: [2], size: 3 }], 1);
    const client = await ship(base, [wal.subarray(0, wal.byteLength - 8)]);
    await expect(restored(client)).rejects.toMatchObject({ kind: "damaged", place: { index: 0, offset: 32 } });
  });
});

describe("a snapshot", () => {
  const wal = (base: Buffer) =>
    walOf(
      base.subarray(0, PAGE),
      [
        { pages: [2], size: 3 },
        { pages: [2, 3], size: 3 },
      ],
      1,
    );
  const proven = (base: Buffer, position: { index: number; offset: number }, more: object = {}) =>
    Buffer.concat([
      encodeProof({ version: 1, position, pageSize: PAGE, pages: base.byteLength / PAGE, ...more }),
      compressAll(base),
    ]);

  it("that reaches further than the segments is restored by itself: they hold nothing that it lacks", async () => {
    const base = database(3);
    const client = await ship(base, [wal(base).subarray(0, 32 + FRAME)]);
    const position = { index: 0, offset: wal(base).byteLength };
    await client.put(snapshotKey(generation, 0), proven(base, position));
    const { bytes, result } = await restored(client);
    expect(Buffer.compare(bytes, base)).toBe(0);
    expect(result.position).toEqual({ generation, ...position });
  });

  it("of which the place lies in an earlier WAL is before all segments, however short they are", async () => {
    const base = database(3);
    const bytes = wal(base);
    const client = await ship(base, [bytes]);
    const position = { index: 0, offset: bytes.byteLength + 10 * FRAME };
    await client.put(snapshotKey(generation, 0), proven(base, position, { salts: [1, 2] }));
    const { result } = await restored(client);
    expect(result.position).toEqual({ generation, index: 0, offset: bytes.byteLength });
    // The same WAL: then the copy is newer than all that is left of the segments.
    const { salt1 = 0, salt2 = 0 } = parseWalHeader(bytes) ?? {};
    await client.put(snapshotKey(generation, 0), proven(base, position, { salts: [salt1, salt2] }));
    expect((await restored(client)).result.position).toEqual({ generation, ...position });
  });

  it.each([
    ["of another size", (base: Buffer) => proven(base, { index: 0, offset: 0 }, { pages: 4 })],
    ["of another page size", (base: Buffer) => proven(base, { index: 0, offset: 0 }, { pageSize: 1024 })],
    ["of another content", (base: Buffer) => proven(base, { index: 0, offset: 0 }, { sha256: "00".repeat(32) })],
    ["cut inside a page", (base: Buffer) => compressAll(base.subarray(0, base.byteLength - 9))],
    ["that is no database", () => compressAll(Buffer.alloc(PAGE))],
  ])("%s than it should be is damaged", async (_, stored) => {
    const base = database(3);
    const client = await ship(base, [wal(base)]);
    await client.put(snapshotKey(generation, 0), stored(base));
    await expect(restored(client)).rejects.toMatchObject({ kind: "damaged", place: { generation, index: 0 } });
  });

  it("with WAL of another page size is damaged", async () => {
    const base = database(3);
    const other = buildWal({ pageSize: 1024, salt1: 1, salt2: 2 }, [{ page: 2, commitPages: 3 }]);
    await expect(restored(await ship(base, [other]))).rejects.toMatchObject({ kind: "damaged" });
  });
});

it("an index that holds an older life of the same WAL than the one before it is damaged", async () => {
  const base = database(3);
  const lives = [7, 5].map((sequence) =>
    buildWal({ pageSize: PAGE, checkpointSequence: sequence, salt1: 100 + sequence, salt2: sequence }, [
      { page: 2, commitPages: 3 },
    ]),
  );
  await expect(restored(await ship(base, lives))).rejects.toMatchObject({
    kind: "damaged",
    place: { index: 1, offset: 0 },
  });
});

it("a spool larger than its memory gives its frames back in order, and leaves no file", () => {
  const path = folder.join("spool.tmp");
  using spool = new FrameSpool(path, 64 << 10, 8 << 20);
  const frames = 300;
  for (let n = 0; n < frames; n++) spool.add(new Uint8Array(64 << 10).fill(n & 255));
  expect(fs.existsSync(path)).toBe(false);
  let seen = 0;
  for (let block = 0; block < spool.blockCount; block++) {
    const bytes = spool.readBlock(block);
    for (let at = 0; at < bytes.byteLength; at += 64 << 10, seen++) {
      if (bytes[at] !== (seen & 255) || bytes[at + 65_535] !== (seen & 255))
        throw new Error(`frame ${seen} is another`);
    }
  }
  expect(seen).toBe(frames);
});

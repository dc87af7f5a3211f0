// What a snapshot's put is given: the same bytes from this thread and from another, never newer ones, and nothing left running.
import fs from "node:fs";
import { randomBytes } from "node:crypto";
import { tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { decompress } from "../../src/codec/lz4-stream.ts";
import { FreezeBroken } from "../../src/database/frozen-copy.ts";
import type { LiveDatabase } from "../../src/database/live-database.ts";
import { type SnapshotBody, snapshotBody, type SnapshotSource } from "../../src/shipping/snapshot-body.ts";

const MIB = 1 << 20;

interface Standing extends Disposable {
  readonly plain: Buffer;
  source(more?: { valid?: () => boolean; sizeBytes?: number; onChunk?: () => void }): SnapshotSource;
}

/** A file that stands still; a third of it can be compressed. */
function standing(bytes: number): Standing {
  const folder = tempDir("snapshot-body");
  const plain = Buffer.alloc(bytes, "a page of text ");
  randomBytes(Math.floor((bytes * 2) / 3)).copy(plain);
  const path = folder.join("app.db");
  fs.writeFileSync(path, plain);
  const descriptor = fs.openSync(path, "r");
  return {
    plain,
    source: ({ valid = () => true, sizeBytes = bytes, onChunk = () => {} } = {}) => ({
      database: { path, descriptor } as LiveDatabase,
      frozen: { epoch: 0, offset: 0, sizeBytes, valid },
      head: [],
      onChunk,
    }),
    [Symbol.dispose]: () => {
      fs.closeSync(descriptor);
      folder.remove();
    },
  };
}

async function plainOf({ body }: SnapshotBody): Promise<Buffer> {
  async function* stored(): AsyncGenerator<Uint8Array> {
    if (body instanceof Uint8Array) yield body;
    else yield* body;
  }
  const parts: Uint8Array[] = [];
  for await (const part of decompress(stored())) parts.push(part);
  return Buffer.concat(parts);
}

const threads = () => Number(/Threads:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);

describe("the body of a snapshot", () => {
  it.each([0, 4096, 3 * MIB + 512, 16 * MIB, 21 * MIB + 1536])("of %i bytes is the file", async (bytes) => {
    using file = standing(bytes);
    let chunks = 0;
    await using snapshot = await snapshotBody(file.source({ onChunk: () => (chunks += 1) }));
    expect((await plainOf(snapshot)).equals(file.plain)).toBe(true);
    expect(chunks).toBe(Math.ceil(bytes / MIB));
  });

  it.each([3 * MIB, 21 * MIB])("of %i bytes ends, rather than hand on a byte that may be newer", async (bytes) => {
    using file = standing(bytes);
    let looks = 0;
    const body = snapshotBody(file.source({ valid: () => ++looks < 3 }));
    await expect(body.then(plainOf)).rejects.toThrow(FreezeBroken);
  });

  it.each([3 * MIB, 21 * MIB])("of %i bytes does not take a file that ends early for whole", async (bytes) => {
    using file = standing(bytes);
    const body = snapshotBody(file.source({ sizeBytes: bytes + 4096 }));
    await expect(body.then(plainOf)).rejects.toThrow(`ends at ${bytes} bytes, expected ${bytes + 4096}`);
  });

  it("leaves no thread behind when the store takes none of it, or a part", async () => {
    using file = standing(40 * MIB);
    await (await snapshotBody(file.source()))[Symbol.asyncDispose]();
    const before = threads();
    for (const take of [0, 3]) {
      await using snapshot = await snapshotBody(file.source());
      expect(threads()).toBeGreaterThan(before);
      if (snapshot.body instanceof Uint8Array) throw new Error("it was to be a stream");
      const parts = snapshot.body[Symbol.asyncIterator]();
      for (let n = 0; n < take; n++) await parts.next();
    }
    expect(threads()).toBe(before);
  });
});

// Objects decoded in place and by threads: the same bytes, the same refusals, and memory that is given back.
import { describe, expect, it } from "vitest";
import { compressAll } from "../../src/codec/lz4-stream.ts";
import { ObjectDecoder } from "../../src/restore/object-decoder.ts";
import { PiecewiseDecoder } from "../../src/restore/piecewise-decoder.ts";

const MIB = 1 << 20;
const MANY = 64 * MIB;

/** Half of it can be compressed. */
function content(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  let seed = 1;
  for (let at = 0; at < bytes; at += 2) buffer[at] = (seed = Math.imul(seed, 1103515245) + 12345) >>> 16;
  return buffer;
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.slice(at, at + size);
}

/** What an object of the stored size given becomes; the size alone decides who decodes it. */
async function plain(decoder: ObjectDecoder, frame: Uint8Array, size: number): Promise<Buffer> {
  const object = decoder.decode(pieces(frame, 100_000), size);
  const parts: Buffer[] = [];
  await object.read(object.ahead, (part) => parts.push(Buffer.from(part)));
  return Buffer.concat(parts);
}

const ways: readonly (readonly [string, number])[] = [
  ["in place", 1000],
  ["by a thread", 9 * MIB],
];

describe.each(ways)("an object decoded %s", (_, size) => {
  it.each([0, 1, 70_000, MIB, 5 * MIB + 17])("of %i bytes comes back", async (bytes) => {
    await using decoder = new ObjectDecoder(MANY);
    const whole = content(bytes);
    expect((await plain(decoder, compressAll(whole), size)).equals(whole)).toBe(true);
  });

  it("that breaks off is refused", async () => {
    await using decoder = new ObjectDecoder(MANY);
    const frame = compressAll(content(MIB));
    await expect(plain(decoder, frame.subarray(0, -1), size)).rejects.toThrow(/LZ4 frame breaks off/);
  });

  it("that its reader refuses is let go of, with the reader's own words", async () => {
    await using decoder = new ObjectDecoder(MANY);
    let left = false;
    async function* stored(): AsyncGenerator<Uint8Array> {
      try {
        yield* pieces(compressAll(content(4 * MIB)), 100_000);
      } finally {
        left = true;
      }
    }
    const object = decoder.decode(stored(), size);
    const reading = object.read(object.ahead, () => {
      throw new Error("the chain is broken");
    });
    await expect(reading).rejects.toThrow("the chain is broken");
    expect(left).toBe(true);
  });
});

it("objects that are decoded at the same time do not mix", async () => {
  await using decoder = new ObjectDecoder(MANY);
  const whole = [content(3 * MIB), Buffer.from(content(2 * MIB).toReversed()), content(MIB)];
  const sizes = [9 * MIB, 1000, 9 * MIB];
  const back = await Promise.all(whole.map((one, n) => plain(decoder, compressAll(one), sizes[n] ?? 0)));
  expect(back.map((one, n) => one.equals(whole[n] ?? Buffer.alloc(0)))).toEqual([true, true, true]);
});

it("what a thread was given is given back as soon as it is decoded", () => {
  const decoder = new PiecewiseDecoder();
  const chunk = new Uint8Array(compressAll(content(9 * MIB)));
  let decoded = decoder.push(chunk);
  expect([decoded.more, chunk.byteLength > 0]).toEqual([true, true]);
  while (decoded.more) decoded = decoder.rest();
  expect(chunk.byteLength).toBe(0);
  decoder.end();
});

// Gets: ranges, absence, and streams that may be left.
import assert from "node:assert/strict";
import { collect, digest, MIB, patterned, text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { rejectsWith } from "../expect.ts";

const SIZE = 300_000;

export const getCases: readonly ConformanceCase[] = [
  range("get.offset", "a get from an offset yields the rest", [
    { offset: 0 },
    { offset: 1 },
    { offset: 65_536 },
    { offset: SIZE - 1 },
  ]),
  range("get.length", "a get of a length yields so many bytes", [
    { length: 1 },
    { length: 65_537 },
    { offset: 12_345, length: 100_000 },
    { length: SIZE },
  ]),
  range("get.past-end", "a range ends at the end of the object, and one past it yields nothing", [
    { length: SIZE + 1 },
    { offset: SIZE - 10, length: 100 },
    { offset: SIZE },
    { offset: SIZE, length: 10 },
    { offset: SIZE + 1 },
    { offset: SIZE * 10, length: 1 },
  ]),
  range("get.length-zero", "a get of no bytes yields none", [
    { length: 0 },
    { offset: 5, length: 0 },
    { offset: SIZE, length: 0 },
  ]),

  defineCase(
    "get.not-found",
    "an absent object is NotFound before the first byte, with operation and key",
    async ({ client }) => {
      await client.put("a/object", text("x"));
      for (const key of ["a", "a/objec", "a/object2", "a/object/below", "b/object"]) {
        for (const options of [{}, { offset: 5 }, { length: 0 }]) {
          const error = await rejectsWith(
            () => client.get(key, options),
            `get ${key} ${JSON.stringify(options)}`,
            "NotFound",
          );
          assert.equal(error.operation, "get");
          assert.ok(error.key?.endsWith(key), "the error names the key");
          assert.equal(error.retryable, false, "no retry can help");
        }
      }
    },
  ),

  defineCase("get.chunks-stay", "a chunk stays as it was when the next one comes", async ({ client }) => {
    const bytes = patterned(2 * MIB, 11);
    await client.put("a/object", bytes);
    const chunks: Uint8Array[] = [];
    for await (const chunk of await client.get("a/object")) chunks.push(chunk);
    assert.equal(digest(Buffer.concat(chunks)), digest(bytes));
  }),

  defineCase(
    "get.one-version",
    "a stream yields one version of the object or fails, never a mix",
    async ({ client }) => {
      const old = patterned(3 * MIB, 12);
      await client.put("a/object", old);
      const stream = await client.get("a/object");
      const parts: Uint8Array[] = [];
      let failed = false;
      try {
        for await (const chunk of stream) {
          if (parts.length === 0) await client.put("a/object", patterned(3 * MIB, 13));
          parts.push(chunk);
        }
      } catch {
        failed = true;
      }
      const got = Buffer.concat(parts);
      const wanted = failed ? old.subarray(0, got.byteLength) : old;
      assert.equal(digest(got), digest(wanted), "bytes of the version that was there when the stream began");
    },
  ),
];

function range(id: string, promise: string, ranges: readonly { offset?: number; length?: number }[]): ConformanceCase {
  return defineCase(id, promise, async ({ client }) => {
    const bytes = patterned(SIZE, 14);
    await client.put("a/object", bytes);
    for (const wanted of ranges) {
      const { offset = 0, length = Infinity } = wanted;
      const got = await collect(await client.get("a/object", wanted));
      assert.equal(digest(got), digest(bytes.subarray(offset, offset + length)), `get ${JSON.stringify(wanted)}`);
    }
  });
}

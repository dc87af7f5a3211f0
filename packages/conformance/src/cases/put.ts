// Puts: whole or not at all, and visible at once.
import assert from "node:assert/strict";
import { ReplicaError } from "@litewake/core/backend";
import { chunked, MIB, patterned, text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { holds, isAbsent, keysOf, listed, rejectsWith } from "../expect.ts";
import { gatedBody } from "../gate.ts";

// More than the smallest part of a multipart upload (5 MiB), so that the store has seen bytes when the body stops.
const firstPart = (): Uint8Array => patterned(6 * MIB, 1);

export const putCases: readonly ConformanceCase[] = [
  defineCase(
    "put.invisible-until-whole",
    "an object is not visible before its last byte was given",
    async ({ client }) => {
      const body = gatedBody(firstPart(), text("end"));
      const put = client.put("a/object", body);
      await Promise.race([body.reached, put]);
      await isAbsent(client, "a/object", "while its body is still coming");
      body.open();
      await put;
      assert.deepEqual(await keysOf(client, ""), ["a/object"]);
    },
  ),

  defineCase("put.old-until-whole", "an overwritten object stays whole until the new one is", async ({ client }) => {
    const old = patterned(70_000, 2);
    await client.put("a/object", old);
    const body = gatedBody(firstPart(), text("end"));
    const put = client.put("a/object", body);
    await Promise.race([body.reached, put]);
    await holds(client, "a/object", old, "while its successor is still coming");
    body.open();
    await put;
    await holds(client, "a/object", Buffer.concat([firstPart(), text("end")]));
  }),

  defineCase(
    "put.body-throws",
    "a body that throws midway leaves nothing, and its error is the cause",
    async ({ client }) => {
      const body = gatedBody(firstPart(), text("end"));
      const put = client.put("a/object", body);
      await Promise.race([body.reached, put]);
      const failure = new Error("the body broke");
      body.fail(failure);
      const error = await rejectsWith(() => put, "put of a body that throws", "Unknown");
      assert.equal(error.retryable, false, "a broken body is not the store's fault: not retryable");
      assert.ok(hasCause(error, failure), "the body's own error is found under cause");
      await isAbsent(client, "a/object", "after its body threw");
      assert.deepEqual(await keysOf(client, ""), [], "nothing else was left either");
    },
  ),

  defineCase(
    "put.body-throws-keeps-old",
    "a body that throws midway leaves the old object as it was",
    async ({ client }) => {
      const old = patterned(70_000, 3);
      await client.put("a/object", old);
      const body = gatedBody(firstPart(), text("end"));
      const put = client.put("a/object", body);
      await Promise.race([body.reached, put]);
      body.fail(new Error("the body broke"));
      await assert.rejects(put, ReplicaError.is);
      await holds(client, "a/object", old, "after the body of its successor threw");
      assert.deepEqual(await keysOf(client, ""), ["a/object"]);
    },
  ),

  defineCase("put.replaces-whole", "a put replaces the whole object, a shorter one too", async ({ client }) => {
    for (const [size, seed] of [
      [9000, 4],
      [100, 5],
      [0, 6],
      [5000, 7],
    ] as const) {
      await client.put("a/object", patterned(size, seed));
      await holds(client, "a/object", patterned(size, seed), `after a put of ${size} bytes`);
    }
  }),

  defineCase("put.read-after-write", "what was put is read at once, after an overwrite too", async ({ client }) => {
    for (let round = 0; round < 10; round += 1) {
      await client.put("a/object", text(`round ${round}`));
      await holds(client, "a/object", text(`round ${round}`));
    }
  }),

  defineCase("put.list-after-write", "what was put is listed at once, with its new size", async ({ client }) => {
    for (let round = 0; round < 5; round += 1) {
      await client.put("a/same", patterned(round * 10, round));
      await client.put(`a/${round}`, text("x"));
      const objects = await listed(client, "a/");
      assert.deepEqual(
        objects.map(({ key }) => key),
        [...Array(round + 1).keys()].map((n) => `a/${n}`).concat("a/same"),
      );
      assert.equal(objects.at(-1)?.size, round * 10, "the listing shows the size of the newest version");
    }
  }),

  defineCase("put.result", "a put tells size and time as a listing does", async ({ client }) => {
    for (const [key, body] of [
      ["a/bytes", patterned(1234, 8)],
      ["a/stream", chunked(patterned(1234, 8), 100)],
    ] as const) {
      const result = await client.put(key, body);
      assert.equal(result.size, 1234, `${key}: size in the result of the put`);
      const [object] = await listed(client, key);
      assert.ok(object !== undefined && object.modifiedAt instanceof Date && result.modifiedAt instanceof Date);
      assert.equal(object.size, 1234, `${key}: size in the listing`);
      // Both are the store's clock; stores that tell whole seconds, or date an object by its beginning, differ a little.
      const apartMs = Math.abs(object.modifiedAt.getTime() - result.modifiedAt.getTime());
      assert.ok(apartMs <= 5000, `${key}: the put's time and the listing's are ${apartMs} ms apart`);
    }
  }),

  defineCase(
    "put.copies-bytes",
    "the caller's buffers are its own again after the put, a chunk when the next is asked for",
    async ({ client }) => {
      const bytes = patterned(5000, 9);
      const expected = bytes.slice();
      await client.put("a/bytes", bytes);
      bytes.fill(0);
      await holds(client, "a/bytes", expected);
      const reused = new Uint8Array(1000);
      await client.put(
        "a/stream",
        (async function* () {
          for (let at = 0; at < expected.byteLength; at += reused.byteLength) {
            reused.set(expected.subarray(at, at + reused.byteLength));
            yield reused;
          }
          reused.fill(0);
        })(),
      );
      await holds(client, "a/stream", expected);
    },
  ),

  defineCase(
    "put.leaves-no-strangers",
    "a listing shows the objects that were put and nothing else",
    async ({ client }) => {
      const signal = AbortSignal.abort();
      await client.put("a/1", text("1"));
      await client.put("a/1", chunked(patterned(100_000, 10), 1000));
      await assert.rejects(client.put("a/2", text("2"), { signal }));
      const body = gatedBody(firstPart(), text("end"));
      const put = client.put("a/3", body);
      await Promise.race([body.reached, put]);
      assert.deepEqual(await keysOf(client, ""), ["a/1"], "while another put is under way");
      body.open();
      await put;
      assert.deepEqual(await keysOf(client, ""), ["a/1", "a/3"]);
    },
  ),
];

function hasCause(error: unknown, wanted: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at === wanted) return true;
  return false;
}

// Sizes: from nothing to big, in chunks of any size, with bounded memory.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chunked, collect, digest, KIB, MIB, patterned, text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { holds, listed } from "../expect.ts";
import { LiveMemory } from "../live-memory.ts";

const CHUNK = 256 * KIB;

export const sizeCases: readonly ConformanceCase[] = [
  defineCase("size.empty", "an empty object is an object, from bytes or from a stream", async ({ client }) => {
    await client.put("e/bytes", new Uint8Array(0));
    await client.put("e/stream", (async function* () {})());
    await client.put(
      "e/chunks",
      (async function* () {
        yield new Uint8Array(0);
      })(),
    );
    const objects = await listed(client, "e/");
    assert.deepEqual(
      objects.map(({ key, size }) => [key, size]),
      [
        ["e/bytes", 0],
        ["e/chunks", 0],
        ["e/stream", 0],
      ],
    );
    for (const { key } of objects) assert.equal((await collect(await client.get(key))).byteLength, 0, key);
  }),

  defineCase(
    "size.parts",
    "a stream of unknown length is stored whole around the sizes of parts and buffers",
    async ({ client }) => {
      for (const size of [1, 64 * KIB, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 8 * MIB, 16 * MIB + 1]) {
        const bytes = patterned(size, size);
        const result = await client.put("p/object", chunked(bytes, 300_000));
        assert.equal(result.size, size);
        await holds(client, "p/object", bytes, `a stream of ${size} bytes`);
      }
    },
  ),

  defineCase(
    "size.chunks",
    "chunks of any size are joined in order, from one byte to 8 MiB, empty ones between",
    async ({ client }) => {
      const bytes = patterned(10 * MIB, 15);
      await client.put(
        "c/mixed",
        (async function* () {
          yield* chunked(bytes.subarray(0, 1000), 1);
          yield new Uint8Array(0);
          yield* chunked(bytes.subarray(1000, MIB), 17, 4096, 65_537);
          yield new Uint8Array(0);
          yield bytes.subarray(MIB, 9 * MIB);
          yield Buffer.from(bytes.subarray(9 * MIB));
        })(),
      );
      await holds(client, "c/mixed", bytes);
      await client.put(
        "c/text",
        (async function* () {
          for (const letter of "letters") yield text(letter);
        })(),
      );
      await holds(client, "c/text", text("letters"));
    },
  ),

  defineCase("size.big", "a big object comes back byte for byte, and from its middle", async ({ client, bigBytes }) => {
    const sum = createHash("sha256");
    const { size } = await client.put(
      "big/object",
      big(bigBytes, (chunk) => sum.update(chunk)),
    );
    assert.equal(size, bigBytes);
    const back = createHash("sha256");
    for await (const chunk of await client.get("big/object")) back.update(chunk);
    assert.equal(back.digest("hex"), sum.digest("hex"));
    const offset = Math.floor(bigBytes / 2) + 1;
    const middle = await collect(await client.get("big/object", { offset, length: 1000 }));
    assert.equal(digest(middle), digest(bigAt(offset, 1000)));
  }),

  defineCase(
    "size.bounded-memory",
    "a big object is put and got with little memory",
    async ({ client, bigBytes }) => {
      const limit = 0.6 * bigBytes;
      const memory = await LiveMemory.begin();
      let chunks = 0;
      await client.put(
        "big/object",
        big(bigBytes, () => void ((chunks += 1) % 32 === 0 && memory.measure())),
      );
      memory.measure();
      let unmeasured = 0;
      for await (const chunk of await client.get("big/object")) {
        unmeasured += chunk.byteLength;
        if (unmeasured < 8 * MIB) continue;
        unmeasured = 0;
        // A slow reader: whoever reads ahead without end fills the memory now.
        await new Promise((resolve) => setTimeout(resolve, 20));
        memory.measure();
      }
      const [held, whole] = [memory.growth, bigBytes].map((bytes) => `${Math.round(bytes / MIB)} MiB`);
      assert.ok(memory.growth <= limit, `${held} held in memory at once for an object of ${whole}`);
    },
    ["gc", "bigEnough"],
  ),
];

async function* big(size: number, onChunk: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += CHUNK) {
    const chunk = bigAt(at, Math.min(CHUNK, size - at));
    onChunk(chunk);
    yield chunk;
  }
}

function bigAt(offset: number, length: number): Uint8Array {
  return patterned(length, 16, offset);
}

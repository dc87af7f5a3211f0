// What is stored under age keys: read by the library and written by it, in whole and in part; refused where a byte is not as it
// was; and told apart where a key is missing, wrong, or not needed.
import { createHash, randomBytes } from "node:crypto";
import { memoryClient } from "@litewake/conformance";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noBytes } from "../../src/backend.ts";
import { overriding } from "../../src/backend/overriding.ts";
import { encrypted } from "../../src/encryption.ts";
import { AgeKeyError, unencrypted } from "../../src/index.ts";
import { collect, decryptedByLibrary, encryptedByLibrary, keyPair, loadKeys, storeOf } from "./age-fixtures.ts";

const KEY = "generations/0123456789abcdef/wal/00000000_00000000.wal.lz4";
const CHUNK = 65_536;
const mine = await keyPair();
const others = await keyPair();
const keys = await loadKeys([mine.identity], []);
const sizes = [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 16, 3 * CHUNK, 3 * CHUNK + 12_345];
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.byteLength; at += size) {
    const piece = bytes.subarray(at, at + size);
    buffer.set(piece);
    // The same memory each time, as a segment's bytes come.
    yield buffer.subarray(0, piece.byteLength);
  }
}

describe("both ways with the library", () => {
  it.each(sizes)("%i bytes, at once and as a stream", async (size) => {
    const plain = randomBytes(size);
    for (const body of [plain, inPieces(plain, 5_003), inPieces(plain, CHUNK), inPieces(plain, 200_000)]) {
      const store = memoryClient();
      await encrypted(store, keys).put(KEY, body);
      const stored = await collect(await store.get(KEY));
      expect(sha(await decryptedByLibrary(stored, mine.identity))).toBe(sha(plain));
    }
    for (const recipients of [[mine.recipient], [others.recipient, mine.recipient]]) {
      const store = await storeOf(KEY, await encryptedByLibrary(plain, recipients));
      expect(sha(await collect(await encrypted(store, keys).get(KEY)))).toBe(sha(plain));
    }
  });

  it("each of several recipients opens what is stored", async () => {
    const store = memoryClient();
    await encrypted(store, await loadKeys([], [mine.recipient, others.recipient])).put(KEY, Buffer.from("for both"));
    for (const { identity } of [mine, others]) {
      const reader = encrypted(store, await loadKeys([identity], []));
      expect((await collect(await reader.get(KEY))).toString()).toBe("for both");
    }
  });

  it("a header of a hundred recipients is read, for a range too", async () => {
    const recipients = [...Array.from({ length: 99 }, () => others.recipient), mine.recipient];
    const plain = randomBytes(3 * CHUNK);
    const client = encrypted(await storeOf(KEY, await encryptedByLibrary(plain, recipients)), keys);
    expect(sha(await collect(await client.get(KEY)))).toBe(sha(plain));
    const middle = await collect(await client.get(KEY, { offset: CHUNK - 1, length: CHUNK + 2 }));
    expect(sha(middle)).toBe(sha(plain.subarray(CHUNK - 1, 2 * CHUNK + 1)));
  });
});

it("any range gives the bytes asked for", async () => {
  const client = encrypted(memoryClient(), keys);
  const place = fc.oneof(
    fc.nat({ max: 5 * CHUNK }),
    fc.tuple(fc.nat({ max: 5 }), fc.integer({ min: -2, max: 2 })).map(([n, d]) => Math.max(0, n * CHUNK + d)),
  );
  await fc.assert(
    fc.asyncProperty(place, place, fc.option(place), async (size, offset, length) => {
      const plain = randomBytes(size);
      await client.put(KEY, plain);
      const range = { offset, ...(length === null ? {} : { length }) };
      const wanted = plain.subarray(offset, length === null ? undefined : offset + length);
      expect(sha(await collect(await client.get(KEY, range)))).toBe(sha(wanted));
    }),
    { numRuns: 150 },
  );
});

describe("sizes", () => {
  it("are told as before encryption, by a put and by a listing", async () => {
    const store = memoryClient();
    const client = encrypted(store, await loadKeys([], [mine.recipient, others.recipient]));
    for (const size of sizes) {
      expect((await client.put(KEY, randomBytes(size))).size).toBe(size);
      for await (const object of client.list("")) expect(object.size).toBe(size);
      for await (const object of store.list("")) expect(object.size).toBeGreaterThan(size + 200);
    }
  });
});

describe("Litewake's own objects", () => {
  it("stay as they are, also in a folder of a fleet; nothing else does", async () => {
    const store = memoryClient();
    const client = encrypted(store, keys);
    const own = [
      "litewake/lease/000000000001.json",
      "shard_1/litewake/points/at/1.json",
      "litewake/databases/a/b.json",
    ];
    const data = [KEY, `litewake/${KEY}`, `shard_1/${KEY}`, "litewake-doctor-1/object", "anything"];
    for (const key of [...own, ...data]) await client.put(key, Buffer.from("content"));
    const readable = async (key: string) => (await collect(await store.get(key))).includes("content");
    for (const key of own) expect(await readable(key), key).toBe(true);
    for (const key of data) expect(await readable(key), key).toBe(false);
    for (const key of [...own, ...data]) expect((await collect(await client.get(key))).toString()).toBe("content");
    for await (const { size } of client.list("")) expect(size).toBe(7);
  });
});

describe("a stored object that is not as it was", () => {
  // Outcome of a whole get and of ranges: the bytes, or an error; never other bytes, never an end too early.
  async function outcome(stored: Uint8Array, plain: Uint8Array): Promise<string[]> {
    const client = encrypted(await storeOf(KEY, stored, 50_001), keys);
    const ranges = [
      {},
      { offset: CHUNK },
      { offset: CHUNK + 1 },
      { offset: 2 * CHUNK },
      { offset: 0, length: plain.byteLength },
    ];
    const said: string[] = [];
    for (const range of ranges) {
      const { offset = 0 } = range;
      try {
        const got = await collect(await client.get(KEY, range));
        expect(sha(got), JSON.stringify(range)).toBe(sha(plain.subarray(offset)));
        said.push("right");
      } catch (error) {
        if (!(error instanceof Error) || !["AgeDamage", "AgeKeyError"].includes(error.name)) throw error;
        said.push(error.name);
      }
    }
    return said;
  }

  it("a byte flipped anywhere is refused", async () => {
    const plain = randomBytes(2 * CHUNK + 100);
    const stored = await encryptedByLibrary(plain, [mine.recipient]);
    const places = [...Array(260).keys(), CHUNK, 2 * CHUNK, stored.byteLength - 17, stored.byteLength - 1];
    for (const at of places) {
      const changed = Uint8Array.from(stored);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect((await outcome(changed, plain))[0], `byte ${at}`).not.toBe("right");
    }
  });

  it("a cut anywhere is refused, also one between chunks", async () => {
    const plain = randomBytes(2 * CHUNK);
    const stored = await encryptedByLibrary(plain, [mine.recipient]);
    const head = stored.byteLength - 2 * (CHUNK + 16);
    const cuts = [0, 1, 21, 22, 100, head - 16, head - 1, head, head + 15, head + 16, head + CHUNK + 16];
    for (const cut of [...cuts, head + CHUNK + 17, stored.byteLength - 1]) {
      const said = await outcome(stored.subarray(0, cut), plain);
      expect(said[0], `cut at ${cut}`).toBe("AgeDamage");
      // The end that a resumed stream would come to is one only if the file says so.
      expect(said[1], `resumed, cut at ${cut}`).toBe("AgeDamage");
      expect(said[4], `by length, cut at ${cut}`).toBe("AgeDamage");
    }
  });

  it("chunks that are swapped, doubled, left out or appended are refused", async () => {
    const plain = randomBytes(3 * CHUNK);
    const stored = await encryptedByLibrary(plain, [mine.recipient]);
    const head = stored.subarray(0, stored.byteLength - 3 * (CHUNK + 16));
    const [a = head, b = head, c = head] = [0, 1, 2].map((n) =>
      stored.subarray(head.byteLength + n * (CHUNK + 16), head.byteLength + (n + 1) * (CHUNK + 16)),
    );
    for (const chunks of [[b, a, c], [a, a, b, c], [a, c], [a, b, c, c], [a, b, c, new Uint8Array(1)], [c]]) {
      expect((await outcome(Buffer.concat([head, ...chunks]), plain))[0]).toBe("AgeDamage");
    }
  });

  it("another object in its place between two requests is refused: its end is not this one's", async () => {
    const store = memoryClient();
    await encrypted(store, keys).put(KEY, randomBytes(3 * CHUNK));
    const shorter = overriding(store, {
      get: async (key, options = {}) => ((options.offset ?? 0) > 0 ? noBytes() : store.get(key, options)),
    });
    const stream = await encrypted(shorter, keys).get(KEY, { offset: CHUNK });
    await expect(collect(stream)).rejects.toMatchObject({ name: "AgeDamage" });
  });

  it("a header without an end is refused, not read for ever", async () => {
    const endless = Buffer.concat([Buffer.from("age-encryption.org/v1\n"), Buffer.alloc(1 << 20, "A")]);
    for (const range of [{}, { offset: 1 }]) {
      const client = encrypted(await storeOf(KEY, endless), keys);
      await expect(client.get(KEY, range)).rejects.toMatchObject({ kind: "damaged" });
    }
  });
});

describe("keys that do not fit the object", () => {
  const plain = Buffer.from("04224d186470b9", "hex");

  async function problemOf(
    stored: Uint8Array,
    client: (store: Awaited<ReturnType<typeof storeOf>>) => ReturnType<typeof encrypted>,
  ) {
    const store = await storeOf(KEY, stored);
    const error: unknown = await client(store)
      .get(KEY)
      .then(collect)
      .catch((reason: unknown) => reason);
    if (!(error instanceof AgeKeyError)) throw error;
    expect(error.message).toContain(KEY);
    expect(error.message).not.toMatch(/AGE-SECRET-KEY-1|age1/);
    return [error.kind, error.problem];
  }

  it("are named: another identity, none, and none needed", async () => {
    const stored = await encryptedByLibrary(plain, [mine.recipient]);
    const wrong = await loadKeys([others.identity], []);
    const none = await loadKeys([], [mine.recipient]);
    expect(await problemOf(stored, (store) => encrypted(store, wrong))).toEqual(["usage", "no-match"]);
    expect(await problemOf(stored, (store) => encrypted(store, none))).toEqual(["usage", "no-identity"]);
    expect(await problemOf(stored, (store) => unencrypted(store))).toEqual(["usage", "encrypted"]);
    expect(await problemOf(plain, (store) => encrypted(store, keys))).toEqual(["usage", "not-encrypted"]);
  });

  it("without an identity a process reads what it has stored itself, and nothing else", async () => {
    const store = memoryClient();
    const writer = encrypted(store, await loadKeys([], [mine.recipient]));
    await writer.put(KEY, plain);
    expect(await collect(await writer.get(KEY))).toEqual(plain);
    const later = encrypted(store, await loadKeys([], [mine.recipient]));
    await expect(later.get(KEY)).rejects.toMatchObject({ problem: "no-identity" });
  });

  it("say whether what is stored can be read here", async () => {
    expect(await keys.canReadOwn()).toBe(true);
    expect(await (await loadKeys([mine.identity], [others.recipient])).canReadOwn()).toBe(false);
    expect(await (await loadKeys([], [others.recipient])).canReadOwn()).toBe(false);
  });
});

// The hash that spreads rows over shards, against the published vectors and the traps of JavaScript's numbers.
import { describe, expect, it } from "vitest";
import { fnv1a32, fnv1a64, shardOf } from "../../src/fleet/hash.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("FNV-1a", () => {
  // draft-eastlake-fnv, appendix C.
  it.each([
    ["", 0x811c9dc5, 0xcbf29ce484222325n],
    ["a", 0xe40c292c, 0xaf63dc4c8601ec8cn],
    ["b", 0xe70c2de5, 0xaf63df4c8601f1a5n],
    ["foo", 0xa9f37ed7, 0xdcb27518fed9d577n],
    ["foobar", 0xbf9cf968, 0x85944171f73967e8n],
    ["chongo was here!\n", 0xd49930d5, 0x46810940eff5f915n],
  ])("of %j", (text, narrow, wide) => {
    expect(fnv1a32(bytes(text))).toBe(narrow);
    expect(fnv1a64(bytes(text))).toBe(wide);
  });

  it("agrees with arithmetic that cannot overflow, for any bytes", () => {
    for (let length = 0; length < 200; length++) {
      const input = Uint8Array.from({ length }, (_, n) => (n * 151 + length * 89) & 0xff);
      let exact = 0x811c9dc5n;
      for (const byte of input) exact = ((exact ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
      expect(fnv1a32(input)).toBe(Number(exact));
    }
  });
});

describe("the shard of a key", () => {
  it("never is negative, where a signed number would be", () => {
    const keys = Array.from({ length: 1000 }, (_, n) => `key-${n}`);
    expect(keys.some((key) => (fnv1a32(bytes(key)) | 0) < 0)).toBe(true);
    for (const key of keys) expect(shardOf(key, 7, 32)).toBeGreaterThanOrEqual(0);
  });

  it("is that of its UTF-8 bytes, not of its UTF-16 units", () => {
    expect(shardOf("grüße-🚀", 1009, 32)).toBe(shardOf(bytes("grüße-🚀"), 1009, 32));
    const units = Uint8Array.from("grüße-🚀", (char) => char.charCodeAt(0) & 0xff);
    expect(shardOf("grüße-🚀", 1009, 32)).not.toBe(shardOf(units, 1009, 32));
  });

  it("takes all 64 bits: a number would have lost the low ones", () => {
    expect(shardOf("foobar", 1000, 64)).toBe(Number(0x85944171f73967e8n % 1000n));
    expect(Number(0x85944171f73967e8n) % 1000).not.toBe(shardOf("foobar", 1000, 64));
  });

  it.each([1, 2, 8, 1000])("spreads keys over %i shards, none left out and none out of range", (count) => {
    const seen = new Set(Array.from({ length: count * 30 }, (_, n) => shardOf(`order:${n}`, count, 32)));
    expect(seen.size).toBe(count);
    expect(Math.max(...seen)).toBe(count - 1);
  });
});

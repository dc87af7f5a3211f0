// The vectors that age's authors keep for every implementation (C2SP/CCTV), those of them that concern X25519 keys.
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import * as vectors from "cctv-age";
import { describe, expect, it } from "vitest";
import { AgeDamage, AgeKeyError } from "../../src/codec/age-error.ts";
import { encrypted } from "../../src/encryption.ts";
import { keyPair, loadKeys, storeOf } from "./age-fixtures.ts";

const KEY = "generations/0123456789abcdef/wal/00000000_00000000.wal.lz4";

interface Vector {
  readonly name: string;
  readonly expected: string;
  /** SHA-256 of all that comes out, before a failure too. */
  readonly payload: string | undefined;
  readonly identities: readonly string[];
  readonly file: Uint8Array;
}

/** Undefined: of a kind of key, or a form, that is not Litestream's. */
function vectorOf(name: string, bytes: Uint8Array): Vector | undefined {
  const text = Buffer.from(bytes);
  const end = text.indexOf("\n\n");
  const lines = text.subarray(0, end).toString().split("\n");
  const all = (key: string): string[] =>
    lines.filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2));
  if (all("armored").length > 0 || all("passphrase").length > 0) return undefined;
  const identities = all("identity");
  if (identities.some((identity) => !identity.startsWith("AGE-SECRET-KEY-1"))) return undefined;
  const stored = text.subarray(end + 2);
  const [expected = ""] = all("expect");
  const [payload] = all("payload");
  return { name, expected, payload, identities, file: all("compressed").length > 0 ? inflateSync(stored) : stored };
}

const known = Object.entries(vectors).flatMap(([name, bytes]) => vectorOf(name, bytes) ?? []);
const other = await keyPair();

async function opened({ file, identities }: Vector, chunkBytes: number) {
  const keys = await loadKeys(identities.length > 0 ? identities : [other.identity], []);
  const client = encrypted(await storeOf(KEY, file, chunkBytes), keys);
  const hash = createHash("sha256");
  try {
    for await (const chunk of await client.get(KEY)) hash.update(chunk);
    return { error: undefined, payload: hash.digest("hex") };
  } catch (error) {
    return { error, payload: hash.digest("hex") };
  }
}

/** Of these the reference hands out a last chunk before it sees that the file does not end there; here it is held back. */
const HELD_BACK = /^stream_(?:no_final_(?:two_chunks_)?full|trailing_garbage_|two_final_chunks)/;

describe.each([1_000_003, 997])("in pieces of %i bytes", (chunkBytes) => {
  it.each(known.map((vector) => [vector.name, vector] as const))("%s", async (_name, vector) => {
    const { error, payload } = await opened(vector, chunkBytes);
    if (vector.expected === "success") {
      expect(error).toBeUndefined();
      expect(payload).toBe(vector.payload);
    } else {
      expect(error instanceof AgeKeyError || error instanceof AgeDamage, String(error)).toBe(true);
      if (vector.expected === "payload failure" && !HELD_BACK.test(vector.name)) expect(payload).toBe(vector.payload);
      if (vector.expected === "no match") expect(error).toMatchObject({ problem: "no-match" });
    }
  });
});

it("there are many, of every kind", () => {
  expect(known.length).toBeGreaterThan(60);
  const kinds = new Set(known.map(({ expected }) => expected));
  expect([...kinds].toSorted()).toEqual(["HMAC failure", "header failure", "no match", "payload failure", "success"]);
});

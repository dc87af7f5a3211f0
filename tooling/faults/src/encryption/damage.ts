// What may happen to a stored age file: each kind gives other bytes than those that were stored.
import type { Random } from "@litewake-tooling/testkit/random";

const SEALED_CHUNK = 65_552;

/** Where header and nonce end. */
export function payloadAt(stored: Uint8Array): number {
  const text = Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.byteLength, 4096)).toString("latin1");
  const mac = text.indexOf("\n--- ");
  return text.indexOf("\n", mac + 1) + 1 + 16;
}

export interface Victim {
  readonly stored: Uint8Array;
  /** Another object under the same keys. */
  readonly other: Uint8Array;
  readonly random: Random;
}

type Damage = (victim: Victim) => Uint8Array;

const chunksOf = (stored: Uint8Array): Uint8Array[] => {
  const chunks: Uint8Array[] = [];
  for (let at = payloadAt(stored); at < stored.byteLength; at += SEALED_CHUNK)
    chunks.push(stored.subarray(at, at + SEALED_CHUNK));
  return chunks;
};
const headOf = (stored: Uint8Array): Uint8Array => stored.subarray(0, payloadAt(stored));

function changed(stored: Uint8Array, at: number, by: number): Uint8Array {
  const copy = Uint8Array.from(stored);
  copy[at] = (copy[at] ?? 0) ^ by;
  return copy;
}

export const DAMAGE: Readonly<Record<string, Damage>> = {
  "a bit flipped": ({ stored, random }) => changed(stored, random.below(stored.byteLength), 1 << random.below(8)),
  "a bit of the header flipped": ({ stored, random }) =>
    changed(stored, random.below(payloadAt(stored)), 1 << random.below(8)),
  "a cut": ({ stored, random }) => stored.subarray(0, random.below(stored.byteLength)),
  "a cut between chunks": ({ stored, random }) => {
    const chunks = chunksOf(stored);
    return Buffer.concat([headOf(stored), ...chunks.slice(0, random.below(chunks.length))]);
  },
  "bytes after the end": ({ stored, random }) => Buffer.concat([stored, random.bytes(1 + random.below(100_000))]),
  "a chunk twice": ({ stored, random }) => {
    const chunks = chunksOf(stored);
    const at = random.below(chunks.length);
    return Buffer.concat([headOf(stored), ...chunks.slice(0, at + 1), ...chunks.slice(at)]);
  },
  "a chunk left out": ({ stored, random }) => {
    const chunks = chunksOf(stored);
    return Buffer.concat([headOf(stored), ...chunks.toSpliced(random.below(chunks.length), 1)]);
  },
  "the chunks in another order": ({ stored }) => {
    const chunks = chunksOf(stored);
    if (chunks.length < 2) return stored.subarray(0, stored.byteLength - 1);
    return Buffer.concat([headOf(stored), ...chunks.toReversed()]);
  },
  "another object's header": ({ stored, other }) => Buffer.concat([headOf(other), ...chunksOf(stored)]),
  "another object's chunk": ({ stored, other, random }) => {
    const chunks = chunksOf(stored);
    const [foreign = new Uint8Array(0)] = chunksOf(other);
    return Buffer.concat([headOf(stored), ...chunks.with(random.below(chunks.length), foreign)]);
  },
  "nothing left": () => new Uint8Array(0),
  "zeroes over a part": ({ stored, random }) => {
    const copy = Uint8Array.from(stored);
    const at = random.below(copy.byteLength);
    return copy.fill(0, at, at + 1 + random.below(5000));
  },
  "in clear": ({ random }) => Buffer.concat([Buffer.from("04224d186470b9", "hex"), random.bytes(500)]),
};

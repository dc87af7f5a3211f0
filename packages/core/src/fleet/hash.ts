// Which shard a key belongs to: FNV-1a over its UTF-8 bytes, modulo the number of shards (draft-eastlake-fnv, section 2).

export type HashBits = 32 | 64;

const OFFSET_32 = 0x811c9dc5;
const PRIME_32 = 0x01000193;
const OFFSET_64 = 0xcbf29ce484222325n;
const PRIME_64 = 0x100000001b3n;
const MASK_64 = 0xffffffffffffffffn;

const encoder = new TextEncoder();

/** Unsigned. A plain `*` would lose the low bits: the product has up to 57. */
export function fnv1a32(bytes: Uint8Array): number {
  let hash = OFFSET_32;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, PRIME_32);
  return hash >>> 0;
}

export function fnv1a64(bytes: Uint8Array): bigint {
  let hash = OFFSET_64;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * PRIME_64) & MASK_64;
  return hash;
}

/** Number of the shard, from 0. Text is hashed as UTF-8; half a surrogate pair becomes U+FFFD, as JavaScript encodes it. */
export function shardOf(key: string | Uint8Array, shards: number, bits: HashBits): number {
  const bytes = typeof key === "string" ? encoder.encode(key) : key;
  return bits === 32 ? fnv1a32(bytes) % shards : Number(fnv1a64(bytes) % BigInt(shards));
}

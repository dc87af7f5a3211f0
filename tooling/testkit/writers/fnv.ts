// The hash by which an application spreads its rows, in arithmetic that cannot overflow: what the engine's own is judged by.

/** FNV-1a, 32 bits, of the key's UTF-8 bytes, modulo the number of shards. */
export function shardFor(key: string, shards: number): number {
  let hash = 0x811c9dc5n;
  for (const byte of Buffer.from(key, "utf8")) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
  return Number(hash % BigInt(shards));
}

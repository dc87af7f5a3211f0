// A put's body cut into the parts in which stores take large objects.

/**
 * The chunks gathered to parts of exactly `sizeOf(n)` bytes (n from 0), the last one shorter; an empty body gives none. Each
 * part is memory of its own, so it may be kept while the next is gathered.
 */
export async function* gatherParts(
  chunks: AsyncIterable<Uint8Array>,
  sizeOf: (part: number) => number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let number = 0;
  let part = new Uint8Array(0);
  let filled = 0;
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.byteLength) {
      const size = sizeOf(number);
      const bytes = Math.min(chunk.byteLength - at, size - filled);
      part = withRoom(part, filled, filled + bytes, size);
      part.set(chunk.subarray(at, at + bytes), filled);
      filled += bytes;
      at += bytes;
      if (filled === size) {
        const full = part.subarray(0, filled);
        part = new Uint8Array(0);
        filled = 0;
        number += 1;
        yield full;
      }
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

/** Doubles, so that a small body takes little and a large one is not copied often. */
function withRoom(part: Uint8Array<ArrayBuffer>, filled: number, needed: number, size: number): Uint8Array<ArrayBuffer> {
  if (needed <= part.byteLength) return part;
  const larger = new Uint8Array(Math.min(size, Math.max(needed, part.byteLength * 2)));
  larger.set(part.subarray(0, filled));
  return larger;
}

// LZ4's block format as its specification says it, byte by byte: what the compiled loops are compared with.

/** The plain bytes, or why there are none. */
export function referenceBlock(
  stored: Uint8Array,
  most: number,
  history: Uint8Array,
): Uint8Array | "malformed" | "too-large" {
  const out: number[] = [...history];
  const limit = history.byteLength + most;
  let at = 0;
  const length = (nibble: number): number | undefined => {
    let sum = nibble;
    if (nibble !== 15) return sum;
    for (;;) {
      const more = stored[at++];
      if (more === undefined) return undefined;
      sum += more;
      if (more !== 255) return sum;
    }
  };
  for (;;) {
    const token = stored[at++];
    if (token === undefined) return "malformed";
    const literals = length(token >> 4);
    if (literals === undefined || literals > stored.byteLength - at) return "malformed";
    if (literals > limit - out.length) return "too-large";
    for (let n = 0; n < literals; n++) out.push(stored[at++] ?? 0);
    if (at === stored.byteLength) return Uint8Array.from(out.slice(history.byteLength));
    if (stored.byteLength - at < 2) return "malformed";
    const distance = (stored[at] ?? 0) | ((stored[at + 1] ?? 0) << 8);
    at += 2;
    const rest = length(token & 15);
    if (rest === undefined || distance === 0 || distance > out.length) return "malformed";
    if (rest + 4 > limit - out.length) return "too-large";
    for (let n = 0; n < rest + 4; n++) out.push(out[out.length - distance] ?? 0);
  }
}

// The LZ4 block format: sequences of literals and copies. Pure TypeScript, so that it runs wherever Node does.
//
// The `!` in this file: every index is proved to lie inside its array before it is used, and a check per byte would cost
// half the speed.

const HASH_BITS = 14;
const HASH_SHIFT = 32 - HASH_BITS;
const HASH_FACTOR = 0x9e3779b1 | 0;
const MIN_MATCH = 4;
/** The format's end rules: the last five bytes are literals, and no match begins in the last twelve. */
const LAST_LITERALS = 5;
const MATCH_LIMIT = 12;
const MAX_DISTANCE = 65535;
/** After so many misses (as a power of two) the search goes on in larger steps: incompressible data costs little. */
const SKIP_TRIGGER = 6;

const table = new Int32Array(1 << HASH_BITS);

/** Largest stored size of a block of `length` bytes. */
export function maxCompressedBytes(length: number): number {
  return length + Math.floor(length / 255) + 16;
}

/**
 * Compresses one block into `target` from `at` on and returns its stored size; 0: it does not fit into what is left there,
 * or would not become smaller.
 */
export function compressBlock(source: Uint8Array, target: Uint8Array, at: number): number {
  const length = source.byteLength;
  const limit = Math.min(target.byteLength, at + length);
  if (length <= MATCH_LIMIT) return 0;
  table.fill(-1);
  const matchEnd = length - MATCH_LIMIT;
  const copyEnd = length - LAST_LITERALS;
  let out = at;
  let anchor = 0;
  let here = 0;
  let misses = 1 << SKIP_TRIGGER;
  const s = source;
  const t = target;
  while (here < matchEnd) {
    const word = s[here]! | (s[here + 1]! << 8) | (s[here + 2]! << 16) | (s[here + 3]! << 24);
    const slot = Math.imul(word, HASH_FACTOR) >>> HASH_SHIFT;
    const found = table[slot]!;
    table[slot] = here;
    if (
      found < 0 ||
      here - found > MAX_DISTANCE ||
      (s[found]! | (s[found + 1]! << 8) | (s[found + 2]! << 16) | (s[found + 3]! << 24)) !== word
    ) {
      here += misses++ >> SKIP_TRIGGER;
      continue;
    }
    misses = 1 << SKIP_TRIGGER;
    let start = here;
    let from = found;
    while (start > anchor && from > 0 && s[start - 1] === s[from - 1]) {
      start--;
      from--;
    }
    let end = here + MIN_MATCH;
    let back = found + MIN_MATCH;
    while (end < copyEnd && s[end] === s[back]) {
      end++;
      back++;
    }
    const literals = start - anchor;
    const match = end - start - MIN_MATCH;
    if (out + 1 + Math.floor(literals / 255) + 1 + literals + 2 + Math.floor(match / 255) + 1 + LAST_LITERALS > limit) return 0;
    const token = out++;
    t[token] = (Math.min(literals, 15) << 4) | Math.min(match, 15);
    if (literals >= 15) out = putLength(target, out, literals - 15);
    if (literals < 32) for (let i = anchor; i < start; i++) t[out++] = s[i]!;
    else {
      target.set(source.subarray(anchor, start), out);
      out += literals;
    }
    const distance = start - from;
    t[out++] = distance & 255;
    t[out++] = distance >> 8;
    if (match >= 15) out = putLength(target, out, match - 15);
    anchor = end;
    here = end;
    if (here < matchEnd) {
      const near = here - 2;
      const seen = s[near]! | (s[near + 1]! << 8) | (s[near + 2]! << 16) | (s[near + 3]! << 24);
      table[Math.imul(seen, HASH_FACTOR) >>> HASH_SHIFT] = near;
    }
  }
  const literals = length - anchor;
  if (out + 1 + Math.floor(literals / 255) + 1 + literals > limit) return 0;
  t[out++] = Math.min(literals, 15) << 4;
  if (literals >= 15) out = putLength(target, out, literals - 15);
  target.set(source.subarray(anchor), out);
  return out + literals - at;
}

function putLength(target: Uint8Array, at: number, rest: number): number {
  let out = at;
  let left = rest;
  for (; left >= 255; left -= 255) target[out++] = 255;
  target[out++] = left;
  return out;
}

/**
 * Decodes one block into `target` from `at` on and returns where the output ends; -1 for bytes that are no block, or one
 * that does not fit. Copies may reach back to the beginning of `target`, for blocks that depend on the one before.
 */
export function decompressBlock(source: Uint8Array, target: Uint8Array, at: number): number {
  const length = source.byteLength;
  const limit = target.byteLength;
  const s = source;
  const t = target;
  let here = 0;
  let out = at;
  while (here < length) {
    const token = s[here++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        if (here >= length) return -1;
        more = s[here++]!;
        literals += more;
      }
    }
    if (literals > 0) {
      const end = here + literals;
      if (end > length || out + literals > limit) return -1;
      if (literals < 24) while (here < end) t[out++] = s[here++]!;
      else {
        target.set(source.subarray(here, end), out);
        out += literals;
        here = end;
      }
    }
    // A block ends with literals, and only there a sequence lacks its copy.
    if (here === length) return out;
    if (here + 2 > length) return -1;
    const distance = s[here]! | (s[here + 1]! << 8);
    here += 2;
    let match = (token & 15) + MIN_MATCH;
    if (match === 15 + MIN_MATCH) {
      let more = 255;
      while (more === 255) {
        if (here >= length) return -1;
        more = s[here++]!;
        match += more;
      }
    }
    if (distance === 0 || distance > out || out + match > limit) return -1;
    let from = out - distance;
    const end = out + match;
    if (match < 32) while (out < end) t[out++] = t[from++]!;
    else if (distance >= match) {
      target.copyWithin(out, from, from + match);
      out = end;
    } else {
      // Overlapping: what was copied becomes the source of what follows; each round doubles it.
      let copied = distance;
      target.copyWithin(out, from, from + distance);
      while (copied < match) {
        const step = Math.min(copied, match - copied);
        target.copyWithin(out + copied, out, out + step);
        copied += step;
      }
      out = end;
    }
  }
  return -1;
}

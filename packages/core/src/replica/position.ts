// A place in a replica's history: generation, index, offset (formats.md A1, A4).

/** 16 lower-case hexadecimal digits; one unbroken history of one database. */
export type Generation = string & { readonly __brand: "Generation" };

const generationPattern = /^[0-9a-f]{16}$/;

/** Largest index that Litestream can read (a signed 32-bit number, formats.md A1). */
export const MAX_INDEX = 0x7fffffff;

/**
 * An index must end below 4 GiB: Litestream 0.3.13 skips longer names without a word (formats.md A1).
 * Bytes of uncompressed WAL.
 */
export const MAX_INDEX_BYTES = 0x100000000;

export function isGeneration(text: string): text is Generation {
  return generationPattern.test(text);
}

/** Draws a new generation id. */
export function newGeneration(): Generation {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Buffer.from(bytes).toString("hex") as Generation;
}

/** Bytes up to `offset` of the WAL file number `index` are included. */
export interface Position {
  readonly generation: Generation;
  /** Number of the WAL file in its generation, from 0. */
  readonly index: number;
  /** Byte offset into that WAL file, uncompressed; 0, 32, or 32 + k × (24 + page size). */
  readonly offset: number;
}

/** Orders two places of the same generation. Negative: `a` is earlier. */
export function comparePlaces(
  a: { readonly index: number; readonly offset: number },
  b: { readonly index: number; readonly offset: number },
): number {
  return a.index - b.index || a.offset - b.offset;
}

/** `<generation>/<index as 8 hex digits>:<offset in decimal>`, as Litestream prints it (formats.md A4). */
export function formatPosition(position: Position): string {
  return `${position.generation}/${position.index.toString(16).padStart(8, "0")}:${position.offset}`;
}

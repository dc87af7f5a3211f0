// Sizes in bytes with an optional unit: `1GiB`, `500MB`, `65536`.

const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

/** Bytes. `undefined`: not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = UNIT_BYTES.get((match?.[2] ?? "").toLowerCase());
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

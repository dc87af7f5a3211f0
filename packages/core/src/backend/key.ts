// What a key may look like in every store, and the order of keys.
import { ReplicaError, type ReplicaOperation } from "./error.ts";

/** The longest key every store takes, in UTF-8 bytes (S3, GCS and Azure: 1024, the replica's own path included). */
export const MAX_KEY_BYTES = 900;

const loneSurrogate = /\p{Surrogate}/u;

/** Why `key` cannot name an object, in words; `undefined` when it can. Pure, and the same for every store. */
export function keyProblem(key: string): string | undefined {
  if (key === "") return "a key must not be empty";
  if (key.includes("\0")) return "a key must not hold a NUL character";
  if (loneSurrogate.test(key)) return "a key must be valid Unicode";
  for (const part of key.split("/")) {
    if (part === "") return "a key must not begin or end with / or hold an empty part";
    if (part === "." || part === "..") return "a key must not hold a part . or ..";
  }
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    return `a key must not be longer than ${MAX_KEY_BYTES} bytes`;
  }
  return undefined;
}

/** Refuses, with `InvalidConfig`, a key that could leave the replica's root or that some store would not take. */
export function checkKey(key: string, operation: ReplicaOperation): void {
  const reason = keyProblem(key);
  if (reason !== undefined) throw new ReplicaError({ code: "InvalidConfig", operation, key, reason });
}

/** Whether any key may begin with `prefix`. Some stores refuse to list below a prefix that no key can have. */
export function canBegin(prefix: string): boolean {
  const folders = prefix.split("/").slice(0, -1);
  return !prefix.includes("\0") && folders.every((part) => part !== "" && part !== "." && part !== "..");
}

/** Orders keys by their UTF-8 bytes, which is not the order of JavaScript's strings above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return utf8Rank(left) - utf8Rank(right);
  }
  return a.length - b.length;
}

// Surrogates stand for code points above U+FFFF, so they come after U+E000..U+FFFF.
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

// Bytes for the cases: each object's content tells which object and which place it belongs to.
import { createHash } from "node:crypto";
import type { ByteStream } from "@litewake/core/backend";

export const KIB = 1024;
export const MIB: number = 1024 * 1024;

/** `length` bytes that differ by `seed` and, within 64 KiB, by place. */
export function patterned(length: number, seed: number, offset = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) {
    const at = offset + i;
    bytes[i] = (Math.imul(at, 2654435761) >>> 24) ^ (at >>> 8) ^ (seed * 37);
  }
  return bytes;
}

export function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value);
}

/** All bytes of a stream. */
export async function collect(stream: ByteStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The bytes as a stream of chunks of the sizes given, over and over. */
export async function* chunked(bytes: Uint8Array, ...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.byteLength; i += 1) {
    const size = sizes[i % sizes.length] ?? bytes.byteLength;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** Short form of content for comparisons and messages. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.byteLength} bytes, sha256 ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
}

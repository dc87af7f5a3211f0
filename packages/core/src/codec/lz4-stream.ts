// LZ4 frames over streams, and over bytes that are small enough to be held.
import { Lz4FrameDecoder, Lz4FrameEncoder } from "./lz4-frame.ts";

export async function* compress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const encoder = new Lz4FrameEncoder();
  for await (const chunk of source) yield* encoder.update(chunk);
  yield* encoder.end();
}

/** The plain bytes of one whole frame. Throws `Lz4Error` for anything else; what was yielded before is then worth nothing. */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new Lz4FrameDecoder();
  for await (const chunk of source) yield* decoder.push(chunk);
  decoder.end();
}

export function compressAll(bytes: Uint8Array): Uint8Array {
  const encoder = new Lz4FrameEncoder();
  return Buffer.concat([...encoder.update(bytes), ...encoder.end()]);
}

export function decompressAll(bytes: Uint8Array): Uint8Array {
  const decoder = new Lz4FrameDecoder();
  const out = decoder.push(bytes);
  decoder.end();
  return Buffer.concat(out);
}

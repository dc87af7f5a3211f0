// Writes a body into an open file, with several writes under way.
import type { Channel } from "./session.ts";

/** What every server takes in one request. */
const WRITE_BYTES = 32 * 1024;
/** 2 MiB: enough for 100 MB/s at 20 ms. */
const WRITES_AT_ONCE = 64;

/** Resolves with the bytes written once the server has taken all. ssh2 copies each piece, so chunks may be used again. */
export async function writeBody(channel: Channel, handle: Buffer, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let position = 0;
  const start = async (piece: Buffer, at: number): Promise<void> => {
    try {
      await channel.write(handle, piece, at);
    } catch (error) {
      failure ??= { error };
    }
  };
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.byteLength; at += WRITE_BYTES) {
        const piece = Buffer.from(chunk.buffer, chunk.byteOffset + at, Math.min(WRITE_BYTES, chunk.byteLength - at));
        const work: Promise<void> = start(piece, position).finally(() => running.delete(work));
        running.add(work);
        position += piece.byteLength;
        if (running.size >= WRITES_AT_ONCE) await Promise.race(running);
        if (failure !== undefined) throw failure.error;
      }
    }
  } finally {
    await Promise.all(running);
  }
  if (failure !== undefined) throw failure.error;
  return position;
}

// The stream of a get: several reads ahead of the reader, so that a round trip is not waited for with each.
import { abortable, type ByteStream, releasing } from "@litewake/core/backend";
import type { Channel } from "./session.ts";

/** What every server gives in one answer. */
const READ_BYTES = 32 * 1024;
/** 2 MiB: enough for 100 MB/s at 20 ms. */
const READS_AHEAD = 64;

export interface FileRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** The file's bytes in the range, in order; the handle is closed however the reader leaves. */
export function readRange(
  channel: Channel,
  handle: Buffer,
  range: FileRange,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal | undefined },
  toError: (error: unknown) => Error,
): ByteStream {
  const chunks = readAhead(channel, handle, range, { key, signal }, toError);
  return releasing(chunks, () => void channel.closeHandle(handle).catch(() => {}));
}

async function* readAhead(
  channel: Channel,
  handle: Buffer,
  { start, end }: FileRange,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal | undefined },
  toError: (error: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const ahead: Promise<Buffer>[] = [];
  let next = start;
  try {
    for (;;) {
      while (ahead.length < READS_AHEAD && next < end) {
        const bytes = Math.min(READ_BYTES, end - next);
        const read = readFully(channel, handle, next, bytes);
        // Whoever stops reading does not wait for it.
        read.catch(() => {});
        ahead.push(read);
        next += bytes;
      }
      const first = ahead.shift();
      if (first === undefined) return;
      yield await abortable(first, signal, "get", key);
    }
  } catch (error) {
    throw toError(error);
  }
}

/** A server may give less than asked for. */
async function readFully(channel: Channel, handle: Buffer, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let filled = 0; filled < bytes;) {
    const got = await channel.read(handle, buffer.subarray(filled), position + filled);
    if (got === 0)
      throw Object.assign(new Error("the file became shorter while it was read"), {
        code: "ERR_STREAM_PREMATURE_CLOSE",
      });
    filled += got;
  }
  return buffer;
}

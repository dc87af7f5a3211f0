// The bytes of one file as a stream, one chunk read ahead of the reader.
import type { FileHandle } from "node:fs/promises";
import { type ByteStream, releasing, ReplicaError, throwIfAborted } from "@litewake/core/backend";
import { fileError } from "./errors.ts";

/** Bytes in a chunk. Measured from 64 KiB to 2 MiB: the rate is best here (4.7 GB/s from the page cache). */
const CHUNK_BYTES = 256 * 1024;

export interface ByteRange {
  readonly start: number;
  /** First byte that is not wanted. */
  readonly end: number;
}

/** The range's bytes. The handle is closed when they end, fail, are left, or the signal fires; then `onClosed` is called. */
export function readRange(
  handle: FileHandle,
  key: string,
  range: ByteRange,
  signal: AbortSignal | undefined,
  onClosed: () => void,
): ByteStream {
  const close = async (): Promise<void> => {
    signal?.removeEventListener("abort", onAbort);
    onClosed();
    await handle.close();
  };
  // A reader that was told to stop may never ask again. Closing waits for a read under way, and twice does no harm.
  const onAbort = (): void => void close().catch(() => {});
  signal?.addEventListener("abort", onAbort, { once: true });
  return releasing(chunks(handle, key, range, signal), close);
}

async function* chunks(
  handle: FileHandle,
  key: string,
  { start, end }: ByteRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let ahead = start < end ? read(handle, key, start, end) : undefined;
  for (let at = start; ahead !== undefined;) {
    throwIfAborted(signal, "get", key);
    const chunk = await ahead;
    throwIfAborted(signal, "get", key);
    at += chunk.byteLength;
    ahead = at < end ? read(handle, key, at, end) : undefined;
    // Its failure is reported when it is asked for.
    ahead?.catch(() => {});
    yield chunk;
  }
}

async function read(handle: FileHandle, key: string, at: number, end: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - at));
  try {
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at);
    if (bytesRead > 0) return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fileError(error, "get", key);
  }
  throw new ReplicaError({
    code: "Unavailable",
    operation: "get",
    key,
    reason: "the file became shorter while it was read",
  });
}

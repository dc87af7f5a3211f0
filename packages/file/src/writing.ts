// A body into an open file: small chunks gathered, every byte written, all of it on the disk at the end.
import type { FileHandle } from "node:fs/promises";
import type { PutResult } from "@litewake/core/backend";

/** Chunks below this are gathered before they are written. */
const GATHER_BYTES = 256 * 1024;

/** Writes the chunks, syncs, and closes the file, whatever happens. The time is the file system's. */
export async function writeBody(handle: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<PutResult> {
  try {
    let gathered: Buffer | undefined;
    let used = 0;
    for await (const chunk of chunks) {
      if (used + chunk.byteLength > GATHER_BYTES && used > 0 && gathered !== undefined) {
        await writeAll(handle, gathered.subarray(0, used));
        used = 0;
      }
      if (chunk.byteLength >= GATHER_BYTES) {
        await writeAll(handle, chunk);
      } else {
        gathered ??= Buffer.allocUnsafeSlow(GATHER_BYTES);
        gathered.set(chunk, used);
        used += chunk.byteLength;
      }
    }
    if (used > 0 && gathered !== undefined) await writeAll(handle, gathered.subarray(0, used));
    await handle.sync();
    const { size, mtime } = await handle.stat();
    return { size, modifiedAt: mtime };
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.byteLength - at);
    at += bytesWritten;
  }
}

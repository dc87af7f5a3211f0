// The thread that reads a database file which stands still and compresses it, so that the thread that follows is free for it.
import fs from "node:fs";
import { parentPort } from "node:worker_threads";
import { Lz4FrameEncoder } from "../codec/lz4-frame.ts";

/** Compress this range of the file, which follows on the one before; or end the frame. */
export type SnapshotRequest =
  | { readonly descriptor: number; readonly position: number; readonly length: number }
  | { readonly end: true };

export interface SnapshotAnswer {
  /** Bytes of the file that were read; fewer than were asked for only where the file ends. */
  readonly read: number;
  /** Of the LZ4 frame, in order. */
  readonly parts: readonly Uint8Array[];
  readonly error: { readonly code: string | undefined; readonly message: string } | undefined;
}

const encoder = new Lz4FrameEncoder();
const port = parentPort;
let buffer = new Uint8Array(0);

port?.on("message", (request: SnapshotRequest) => {
  let answer: SnapshotAnswer;
  try {
    answer = "end" in request ? { read: 0, parts: encoder.end(), error: undefined } : compress(request);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    answer = { read: 0, parts: [], error: { code, message: error instanceof Error ? error.message : String(error) } };
  }
  // The encoder hands out fresh memory, each part its own.
  const buffers = answer.parts.flatMap(({ buffer: memory }) => (memory instanceof ArrayBuffer ? [memory] : []));
  port.postMessage(answer, buffers);
});

function compress({ descriptor, position, length }: Extract<SnapshotRequest, { length: number }>): SnapshotAnswer {
  if (buffer.byteLength < length) buffer = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const count = fs.readSync(descriptor, buffer, read, length - read, position + read);
    if (count === 0) break;
    read += count;
  }
  return { read, parts: encoder.update(buffer.subarray(0, read)), error: undefined };
}

// The thread that hashes the pages of a database file which stands still, so that the thread that follows is free for it and
// the file is let go soon.
import fs from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { StandingFile } from "../shipping/standing-still.ts";
import { HASH_BYTES, pageHash, readFully } from "./page-hashes.ts";

/** Its descriptor is read and never closed: closing it would drop the locks that this process holds on the database. */
export interface HashRequest extends StandingFile {
  /** A file that is not there yet. */
  readonly output: string;
}

export interface HashAnswer {
  readonly error: { readonly message: string; readonly code: string | undefined; readonly syscall: string } | undefined;
}

const READ_BYTES = 4 << 20;

function run({ descriptor, sizeBytes, pageSize, output }: HashRequest): void {
  const file = fs.openSync(output, "wx", 0o600);
  try {
    const perRead = Math.max(1, Math.floor(READ_BYTES / pageSize));
    const pages = Buffer.alloc(perRead * pageSize);
    const hashes = Buffer.alloc(perRead * HASH_BYTES);
    for (let at = 0; at < sizeBytes; at += pages.byteLength) {
      const chunk = pages.subarray(0, Math.min(pages.byteLength, sizeBytes - at));
      const got = readFully(descriptor, chunk, at);
      if (got < chunk.byteLength) throw new Error(`the database ends at ${at + got} bytes, expected ${sizeBytes}`);
      let filled = 0;
      for (let page = 0; page < got; page += pageSize) {
        filled += pageHash(chunk.subarray(page, page + pageSize)).copy(hashes, filled);
      }
      for (let written = 0; written < filled;) written += fs.writeSync(file, hashes, written, filled - written);
    }
  } finally {
    fs.closeSync(file);
  }
}

function answerOf(error: unknown): HashAnswer {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  const syscall = error instanceof Error && "syscall" in error ? String(error.syscall) : "";
  return { error: { message, code, syscall } };
}

if (parentPort !== null) {
  let answer: HashAnswer = { error: undefined };
  try {
    run(workerData as HashRequest);
  } catch (error) {
    answer = answerOf(error);
  }
  parentPort.postMessage(answer);
}

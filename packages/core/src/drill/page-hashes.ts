// What every page of a database was, as a file of hashes: 16 bytes a page, so that a database need not be kept twice.
import { hash } from "node:crypto";
import fs from "node:fs";
import { open } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { StandingFile } from "../shipping/standing-still.ts";
import type { HashAnswer, HashRequest } from "./page-hash-worker.ts";

export const HASH_BYTES = 16;
const READ_BYTES = 1 << 20;
/** Pages that differ are named up to so many. */
const NAMED_PAGES = 8;

/** The first half of SHA-256. */
export function pageHash(page: Uint8Array): Buffer {
  return hash("sha256", page, "buffer").subarray(0, HASH_BYTES);
}

/** Bytes that the file of hashes takes for a database. */
export function hashFileBytes({ sizeBytes, pageSize }: Pick<StandingFile, "sizeBytes" | "pageSize">): number {
  return Math.ceil(sizeBytes / pageSize) * HASH_BYTES;
}

/** A thread starts in some 40 ms, in which the database is held; below this much it is not worth it. */
const WORTH_A_THREAD_BYTES = 16 << 20;

/**
 * Hashes every page into a new file, by a thread of its own where there are many. When it settles, nothing reads the
 * descriptor any more. The descriptor is never closed: that would drop the locks that this process holds on the database.
 */
export async function writePageHashes(file: StandingFile, output: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (file.sizeBytes >= WORTH_A_THREAD_BYTES) return hashByThread(file, output, signal);
  for (const _ of hashSteps(file, output)) {
    await turn();
    signal.throwIfAborted();
  }
}

/** Does a part of the work at each step, some milliseconds. */
export function* hashSteps({ descriptor, sizeBytes, pageSize }: StandingFile, output: string): Generator<void> {
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
      yield;
    }
  } finally {
    fs.closeSync(file);
  }
}

async function hashByThread(file: StandingFile, output: string, signal: AbortSignal): Promise<void> {
  const program = import.meta.url.endsWith(".ts") ? "./page-hash-worker.ts" : "./page-hash-worker.js";
  const worker = new Worker(new URL(program, import.meta.url), {
    workerData: { ...file, output } satisfies HashRequest,
  });
  let stop: () => void = () => {};
  try {
    const answer = await new Promise<HashAnswer>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the hashing thread ended")));
      stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
    });
    if (answer.error !== undefined) throw Object.assign(new Error(answer.error.message), answer.error);
  } finally {
    signal.removeEventListener("abort", stop);
    await worker.terminate();
  }
}

/** Where two states of a database differ. */
export interface PageDifference {
  readonly count: number;
  /** Numbers of the first ones, from 1. */
  readonly pages: readonly number[];
}

/** Compares a database file with the hashes of another state. Undefined: they are equal, page by page. */
export async function differenceFrom(
  database: string,
  hashes: string,
  pageSize: number,
  signal: AbortSignal,
): Promise<PageDifference | undefined> {
  await using theirs = await open(hashes, "r");
  await using ours = await open(database, "r");
  const [hashedBytes, fileBytes] = [(await theirs.stat()).size, (await ours.stat()).size];
  const pages: number[] = [];
  let count = 0;
  const differs = (page: number): void => {
    count += 1;
    if (pages.length < NAMED_PAGES) pages.push(page);
  };
  const perRead = Math.max(1, Math.floor(READ_BYTES / pageSize));
  const total = Math.max(hashedBytes / HASH_BYTES, Math.ceil(fileBytes / pageSize));
  const expected = Buffer.alloc(perRead * HASH_BYTES);
  const found = Buffer.alloc(perRead * pageSize);
  for (let first = 0; first < total; first += perRead) {
    const wanted = readFully(theirs.fd, expected, first * HASH_BYTES);
    const got = readFully(ours.fd, found, first * pageSize);
    for (let n = 0; n < perRead && first + n < total; n++) {
      const isThere = (n + 1) * HASH_BYTES <= wanted && (n + 1) * pageSize <= got;
      const page = found.subarray(n * pageSize, (n + 1) * pageSize);
      const at = n * HASH_BYTES;
      if (!isThere || !pageHash(page).equals(expected.subarray(at, at + HASH_BYTES))) differs(first + n + 1);
    }
    await turn();
    signal.throwIfAborted();
  }
  return count === 0 ? undefined : { count, pages };
}

/** Reads until the buffer is full or the file is at its end. */
export function readFully(descriptor: number, into: Uint8Array, position: number): number {
  let at = 0;
  while (at < into.byteLength) {
    const count = fs.readSync(descriptor, into, at, into.byteLength - at, position + at);
    if (count === 0) break;
    at += count;
  }
  return at;
}

// The thread that prepares segments of a long backlog: it reads them from the live WAL, proves and compresses them.
import fs from "node:fs";
import os from "node:os";
import { parentPort } from "node:worker_threads";
import { Epoch } from "../database/epoch.ts";
import { WalFile } from "../database/wal-file.ts";
import type { ChainState } from "../wal/frame-chain.ts";
import { type SegmentEnd, segmentBytes } from "./segment.ts";
import { compressed } from "./segment-body.ts";

/** A segment of a WAL past its header; offsets in bytes, as in `SegmentSpan`. */
export interface SegmentRequest {
  readonly databasePath: string;
  readonly pageSize: number;
  readonly from: number;
  readonly chain: ChainState;
  readonly limit: number;
  readonly cutAt: number;
}

/** Its stored form, and where it ended; `undefined`: the WAL does not hold it, or could not be read. */
export type SegmentAnswer = { readonly body: Uint8Array<ArrayBuffer>; readonly end: SegmentEnd } | undefined;

/** The application goes first: of a busy processor this thread takes a tenth. */
const NICE = 10;

yieldToOthers();
const port = parentPort;
/** One after the other: what waits costs no memory. */
let last: Promise<void> = Promise.resolve();

port?.on("message", (request: SegmentRequest) => {
  last = answerAfter(last, request);
});

async function answerAfter(before: Promise<void>, request: SegmentRequest): Promise<void> {
  await before;
  // Whoever asked prepares it himself then, and finds out why.
  const answer = await prepare(request).catch(() => undefined);
  port?.postMessage(answer, answer === undefined ? [] : [answer.body.buffer]);
}

// The file is opened anew each time: it may be another one by now, and no lock of SQLite's lies on it.
async function prepare({ databasePath, pageSize, from, chain, limit, cutAt }: SegmentRequest): Promise<SegmentAnswer> {
  const wal = new WalFile(databasePath);
  try {
    let end: SegmentEnd | undefined;
    const span = { epoch: new Epoch(0, pageSize), from, chain, limit, cutAt, covered: false };
    const parts: Uint8Array[] = [];
    const plain = segmentBytes(span, wal, (done) => {
      end = done;
    });
    for await (const part of compressed([], plain)) parts.push(part);
    return end === undefined ? undefined : { body: whole(parts), end };
  } finally {
    wal.close();
  }
}

function whole(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

// Linux knows priorities of single threads; elsewhere the thread's id is not to be had, and it is like any other.
function yieldToOthers(): void {
  try {
    os.setPriority(Number(fs.readlinkSync("/proc/thread-self").split("/").at(-1)), NICE);
  } catch {
    // Not worth a line in the log.
  }
}

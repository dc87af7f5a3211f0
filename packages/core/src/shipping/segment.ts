// Cuts a segment out of the log: reads it, proves every frame, ends on a commit.
import { BufferPool } from "../codec/buffer-pool.ts";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Epoch } from "../database/epoch.ts";
import { ContinuityLost } from "../database/continuity-lost.ts";
import type { WalFile } from "../database/wal-file.ts";
import { type ChainState, FrameChain } from "../wal/frame-chain.ts";
import { frameBytes } from "../wal/frame.ts";
import { parseWalHeader, sameWal, WAL_HEADER_BYTES } from "../wal/header.ts";

/** A segment is cut at the first commit past so many bytes of WAL. */
export const CUT_BYTES: number = 16 << 20;
const CHUNK_BYTES = 1 << 20;
/** Below this a buffer of its own costs less than one of the pool's holds. */
const SMALL_BYTES = 64 << 10;
const chunks = new BufferPool(CHUNK_BYTES, 4);

/** What is to be shipped next. Offsets in bytes of the uncompressed WAL. */
export interface SegmentSpan {
  readonly epoch: Epoch;
  readonly from: number;
  /** The chain after the last byte shipped; `undefined` where `from` is 0. */
  readonly chain: ChainState | undefined;
  /** A committed end: nothing past it is read. */
  readonly limit: number;
  /** The segment ends at the first commit at or past this place; `limit` where there is none before. */
  readonly cutAt: number;
  /** A snapshot holds everything below the limit: if the WAL is restarted meanwhile, nothing is lost. */
  readonly covered: boolean;
}

/** Where a segment ended. */
export interface SegmentEnd {
  readonly end: number;
  readonly chain: ChainState;
}

/** The live WAL was restarted while it was read: the bytes are in the spool now, read again. */
export class SegmentMoved extends Error {
  constructor() {
    super("the WAL was restarted while a segment was read");
    this.name = "SegmentMoved";
  }
}

/**
 * The bytes of a segment, each frame proved before it is handed on; a chunk is valid until the next one is asked for. `done` is called with the end after the last chunk.
 * Throws `ContinuityLost` when a frame below the committed end does not continue the chain.
 */
export async function* segmentBytes(
  span: SegmentSpan,
  wal: WalFile,
  done: (end: SegmentEnd) => void,
): AsyncGenerator<Uint8Array> {
  const { epoch, limit } = span;
  const size = frameBytes(epoch.pageSize);
  // Of a closed WAL all comes from the spool: read again, it would be the same.
  const reads = { span, wal, again: !epoch.closed || epoch.spool === undefined };
  let at = span.from;
  let chain: FrameChain;
  if (at === 0) {
    const header = readHeader(reads);
    chain = header.chain;
    at = WAL_HEADER_BYTES;
    yield header.bytes;
  } else {
    if (span.chain === undefined) throw new Error("a segment past the header needs the chain before it");
    chain = new FrameChain(span.chain);
  }
  const chunk = Math.max(1, Math.floor(CHUNK_BYTES / size)) * size;
  const buffer = limit - at <= SMALL_BYTES ? new Uint8Array(limit - at) : chunks.take();
  while (at < limit) {
    const bytes = buffer.subarray(0, Math.min(chunk, limit - at));
    const count = epoch.read(wal, bytes, at);
    let cut = 0;
    let state: ChainState | undefined;
    // A segment that is long enough ends at the first commit past its cut: prove up to there only.
    const proven = advanceToCut(chain, bytes.subarray(0, count), at, span.cutAt, (end, atEnd) => {
      cut = end;
      state = atEnd;
    });
    if (state !== undefined) {
      yield bytes.subarray(0, cut);
      if (buffer.byteLength === CHUNK_BYTES) chunks.give(buffer);
      done({ end: at + cut, chain: state });
      return;
    }
    // A read may be short where the spool's part of the log ends; a frame that does not continue the chain may not be.
    if (proven === 0 || proven < count - (count % size)) throw brokenAt(reads, at + proven, chain.broken);
    at += proven;
    yield bytes.subarray(0, proven);
    // A long segment must not keep the mark from moving: what it frees late, one commit of the application pays for.
    if (at < limit) await nextTurn();
  }
  if (buffer.byteLength === CHUNK_BYTES) chunks.give(buffer);
  done({ end: at, chain: chain.state });
}

function advanceToCut(
  chain: FrameChain,
  bytes: Uint8Array,
  at: number,
  cutAt: number,
  onCut: (end: number, state: ChainState) => void,
): number {
  if (at + bytes.byteLength < cutAt) return chain.advance(bytes);
  const size = chain.frameBytes;
  let done = 0;
  while (done + size <= bytes.byteLength) {
    let commit = false;
    const proven = chain.advance(bytes.subarray(done, done + size), (_page, commitPages) => {
      commit = commitPages !== 0;
    });
    if (proven === 0) return done;
    done += size;
    if (commit && at + done >= cutAt) {
      onCut(done, chain.state);
      return done;
    }
  }
  return done;
}

interface Reads {
  readonly span: SegmentSpan;
  readonly wal: WalFile;
  /** Whether it may be otherwise if it is read again. */
  readonly again: boolean;
}

function readHeader(reads: Reads): { bytes: Uint8Array; chain: FrameChain } {
  const { span, wal } = reads;
  const bytes = Buffer.alloc(WAL_HEADER_BYTES);
  const count = span.epoch.read(wal, bytes, 0);
  const header = count === WAL_HEADER_BYTES ? parseWalHeader(bytes) : undefined;
  const expected = span.epoch.header;
  if (header === undefined || expected === undefined || !sameWal(header, expected)) {
    throw brokenAt(reads, 0, undefined);
  }
  return { bytes, chain: FrameChain.fromHeader(header) };
}

function brokenAt({ span, wal, again }: Reads, offset: number, why: string | undefined): Error {
  const live = wal.header();
  const expected = span.epoch.header;
  const moved = span.epoch.closed || live === undefined || expected === undefined || !sameWal(live, expected);
  if (moved && again && (span.covered || span.epoch.spool !== undefined)) return new SegmentMoved();
  return new ContinuityLost(
    `diverged: the frame at byte ${offset} of the WAL does not continue what was shipped (${why ?? "header"})`,
  );
}

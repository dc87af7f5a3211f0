// The end of a WAL that was restarted once while nobody followed it: its last frames may still lie behind the new one.
import { type ChainState, FrameChain } from "../wal/frame-chain.ts";
import { FRAME_HEADER_BYTES, frameBytes } from "../wal/frame.ts";
import type { LocalEvidence } from "./continuity.ts";

/** The old WAL was followed to its proved end. Offsets in bytes of that WAL. */
export interface OldTail {
  readonly kind: "proved";
  readonly end: number;
}

export interface NoOldTail {
  readonly kind: "unproved";
  readonly reason: string;
}

export interface OldTailSearch {
  /** Where what was shipped ends. */
  readonly from: number;
  /** The chain of the old WAL at `from`. */
  readonly chain: ChainState;
  /** Where the committed end of the new WAL lies; 0 where nothing was written since the restart. */
  readonly newEnd: number;
  readonly local: Pick<LocalEvidence, "readWal" | "readPage" | "walBytes" | "state" | "pageSize">;
}

/**
 * Follows the old WAL's frames from `from` to its last commit. The end is proved only by a complete frame of another WAL
 * after the commit, or by an end of file that is a whole number of frames and not below the largest size ever seen
 * (`journal_size_limit` cuts the tail, at times just after a commit). Every page of the tail must also be what the
 * database file holds, where the new WAL could not have replaced it: a writer killed before it published its commit
 * leaves a chained one behind that never happened.
 */
export function findOldTail(search: OldTailSearch): OldTail | NoOldTail {
  const { from, local } = search;
  const size = frameBytes(local.pageSize);
  const chain = new FrameChain(search.chain);
  const frame = new Uint8Array(size);
  const lastVersion = new Map<number, number>();
  let pending: [number, number][] = [];
  let at = from;
  let end = from;
  for (;;) {
    const count = local.readWal(frame, at);
    if (count < size) {
      const cut = endOfFile(at + count, at, local);
      if (cut !== undefined) return { kind: "unproved", reason: cut };
      break;
    }
    let commit = 0;
    let page = 0;
    const proven = chain.advance(frame, (pageNumber, commitPages) => {
      page = pageNumber;
      commit = commitPages;
    });
    if (proven === 0) {
      if (chain.broken === "checksum") return { kind: "unproved", reason: "the old WAL breaks off in a damaged frame" };
      break;
    }
    pending.push([page, at]);
    at += size;
    if (commit !== 0) {
      for (const [number, offset] of pending) lastVersion.set(number, offset);
      pending = [];
      end = at;
    }
  }
  if (pending.length > 0) return { kind: "unproved", reason: "the old WAL breaks off inside a transaction" };
  return pagesStand(lastVersion, search)
    ? { kind: "proved", end }
    : { kind: "unproved", reason: "the old WAL's tail is not what the database holds" };
}

function endOfFile(fileEnd: number, at: number, local: OldTailSearch["local"]): string | undefined {
  if (fileEnd !== at) return "the old WAL was cut inside a frame";
  const seen = local.state.wal;
  if (seen?.shrank === true)
    return "the WAL file is cut from time to time (journal_size_limit), so its end proves nothing";
  if (seen !== undefined && local.walBytes < seen.largest) return "the old WAL was cut";
  return undefined;
}

function pagesStand(versions: ReadonlyMap<number, number>, search: OldTailSearch): boolean {
  const { local } = search;
  const rewritten = pagesOfNewWal(search);
  const frame = new Uint8Array(frameBytes(local.pageSize));
  for (const [pageNumber, offset] of versions) {
    if (rewritten.has(pageNumber)) continue;
    const page = local.readPage(pageNumber);
    // A page past the end of the file was cut off by a later shrinking transaction.
    if (page === undefined) continue;
    local.readWal(frame, offset);
    if (Buffer.compare(page, frame.subarray(FRAME_HEADER_BYTES)) !== 0) return false;
  }
  return true;
}

function pagesOfNewWal(search: OldTailSearch): Set<number> {
  const { local, newEnd } = search;
  const size = frameBytes(local.pageSize);
  const pages = new Set<number>();
  const head = new Uint8Array(4);
  for (let at = 32; at + size <= newEnd; at += size) {
    if (local.readWal(head, at) < 4) break;
    pages.add(new DataView(head.buffer).getUint32(0));
  }
  return pages;
}

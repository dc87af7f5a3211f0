// Whether the live log continues what a replica holds: decided from evidence, never assumed.
import type { Epoch } from "../database/epoch.ts";
import { type FileIdentity, sameIdentity } from "../database/live-database.ts";
import type { ClosedWal, LocalState, NotedPosition } from "../database/local-state.ts";
import type { ChainState } from "../wal/frame-chain.ts";
import { frameBytes, offsetOfFrames, parseFrameHeader } from "../wal/frame.ts";
import { parseWalHeader, WAL_HEADER_BYTES, type WalHeader } from "../wal/header.ts";
import { findOldTail, type OldTail } from "./old-tail.ts";
import type { IndexEnd, ShippedTail } from "./shipped-tail.ts";

/** What is known of the database at the moment of the decision. */
export interface LocalEvidence {
  readonly identity: FileIdentity | undefined;
  readonly empty: boolean;
  readonly state: LocalState;
  readonly epoch: Epoch;
  /** Frames that SQLite counts in the live WAL; 0 also right after somebody's RESTART, when the header is the old one. */
  readonly log: number;
  readonly header: WalHeader | undefined;
  readonly walBytes: number;
  /** Reads the live WAL file. */
  readonly readWal: (into: Uint8Array, offset: number) => number;
  /** Reads a page of the database file, for proving an old WAL's tail. */
  readonly readPage: (pageNumber: number) => Uint8Array | undefined;
  readonly pageSize: number;
}

export type Continuity =
  /** Goes on inside the live WAL, at `offset`. */
  | {
      readonly kind: "same-wal";
      readonly index: number;
      readonly offset: number;
      readonly chain: ChainState | undefined;
    }
  /** The old WAL was acknowledged to its end; the live one is the next index, from offset 0. */
  | { readonly kind: "next-wal"; readonly index: number; readonly previous: PreviousEnd | undefined }
  /** The old WAL has an unshipped tail, kept in a spool by an earlier process; the live one comes after it. */
  | {
      readonly kind: "spooled";
      readonly index: number;
      readonly offset: number;
      readonly chain: ChainState;
      readonly closed: ClosedWal;
    }
  /** The old WAL has an unshipped tail still in the WAL file, behind the live one. */
  | {
      readonly kind: "old-tail";
      readonly index: number;
      readonly offset: number;
      readonly chain: ChainState;
      readonly tail: OldTail;
    }
  | Unproven;

/** Nothing proves it. `standing` says how the local database relates to what was shipped. */
export interface Unproven {
  readonly kind: "unproven";
  readonly reason: string;
  readonly standing: "empty" | "older" | "unknown";
}

/** End of an index: what the first segment of the next one states as proof. */
export interface PreviousEnd {
  readonly end: number;
  readonly s1: number;
  readonly s2: number;
  /** The index is a fence's: what it says is the state of this place, at which a restore can stop. */
  readonly fenced?: { readonly index: number; readonly offset: number };
}

export function decideContinuity(tail: ShippedTail, replicaUrl: string, local: LocalEvidence): Continuity {
  const found = decide(tail, replicaUrl, local);
  // What comes after the WAL of the last frame shipped is looked for as the epoch after it.
  const isAfter = found.kind === "next-wal" || found.kind === "old-tail" || found.kind === "spooled";
  return isAfter ? (atEndOfCurrent(tail, local) ?? found) : found;
}

/**
 * The WAL was restarted after the follower's first look: for the follower the one before is still the current one, whatever
 * is left of it to ship, and what comes next is its next epoch. Taken for the one that came after, it would be shipped twice,
 * under two indexes, and nothing could be restored any more.
 */
function atEndOfCurrent(tail: ShippedTail, { epoch, pageSize, state }: LocalEvidence): Continuity | undefined {
  const shipped = shippedWal(tail, pageSize);
  const { header } = epoch;
  if (header === undefined) return undefined;
  if (shipped !== undefined && names(header, shipped))
    return { kind: "same-wal", index: tail.index, offset: tail.offset, chain: chainAt(shipped, header) };
  // Behind a snapshot or a fence alone there is no place in that WAL to go on from.
  const noted = state.rest?.wal ?? undefined;
  if (shipped !== undefined || noted === undefined || !names(header, noted)) return undefined;
  const reason = "the WAL was restarted while it was looked at";
  return { kind: "unproven", reason, standing: "unknown" };
}

function decide(tail: ShippedTail, replicaUrl: string, local: LocalEvidence): Continuity {
  const rest = local.state.rest;
  const noted = rest?.replicas[replicaUrl];
  const shipped = shippedWal(tail, local.pageSize);
  const untouched = sameIdentity(rest?.database, local.identity);

  if (shipped !== undefined && local.header !== undefined && names(local.header, shipped)) {
    const here = inSameWal(tail, local);
    if (here !== undefined) return here;
  }
  // The file is the state at the place noted, so whatever other WAL is there now holds only what came later. Where only a
  // snapshot was stored since, that is the replica's end too.
  const end = noted !== undefined && tail.before !== undefined && isAt(noted, tail.before) ? tail.before : tail;
  const itsWal = shippedWal(end, local.pageSize);
  const otherWal =
    local.header === undefined || local.log === 0 || itsWal === undefined || !names(local.header, itsWal);
  if (noted?.generation === tail.generation && isAt(noted, end) && untouched && otherWal) {
    return {
      kind: "next-wal",
      index: end.offset === 0 && end.fence === undefined ? end.index : end.index + 1,
      previous: previousEnd(end, itsWal),
    };
  }
  if (shipped !== undefined && local.header !== undefined) {
    if (names(local.header, shipped)) return unproven(local, noted, tail, sameSaltReason(tail, local));
    const spooled = inSpool(tail, shipped, local);
    if (spooled !== undefined) return spooled;
    if (local.header.salt1 === (shipped.salt1 + 1) >>> 0) return oneRestart(tail, shipped, noted, local);
  }
  return unproven(local, noted, tail, reasonFor(tail, shipped, local));
}

interface ShippedWal {
  readonly salt1: number;
  readonly salt2: number;
  /** The checksum after the last shipped byte. */
  readonly s1: number;
  readonly s2: number;
}

function shippedWal(tail: IndexEnd, pageSize: number): ShippedWal | undefined {
  if (tail.lastFrame !== undefined && tail.lastFrame.byteLength === frameBytes(pageSize)) {
    const view = new DataView(tail.lastFrame.buffer, tail.lastFrame.byteOffset, tail.lastFrame.byteLength);
    const { salt1, salt2 } = parseFrameHeader(view, 0);
    return { salt1, salt2, s1: view.getUint32(16), s2: view.getUint32(20) };
  }
  const header =
    tail.header !== undefined && tail.offset === WAL_HEADER_BYTES ? parseWalHeader(tail.header) : undefined;
  return header === undefined ? undefined : { ...header, ...header.checksum };
}

function names(header: { salt1: number; salt2: number }, shipped: { salt1: number; salt2: number }): boolean {
  return header.salt1 === shipped.salt1 && header.salt2 === shipped.salt2;
}

/** A fence adds nothing to the history, so the place before it is the same. */
function isAt(noted: NotedPosition, { index, offset, fence }: IndexEnd): boolean {
  if (noted.index === index && noted.offset === offset) return true;
  if (fence === undefined) return false;
  const isBefore = fence.follows.some(
    (place) => place.index === noted.index && (place.offset === noted.offset || place.offset === 0),
  );
  // From the first place on there are fences only.
  const first = fence.follows[0]?.index ?? index;
  return isBefore || (noted.offset === 0 && noted.index > first && noted.index <= fence.index);
}

function previousEnd(tail: IndexEnd, shipped: ShippedWal | undefined): PreviousEnd | undefined {
  const [fenced] = tail.fence?.follows ?? [];
  if (tail.fence !== undefined) return { end: 0, s1: 0, s2: 0, ...(fenced === undefined ? {} : { fenced }) };
  return shipped === undefined ? undefined : { end: tail.offset, s1: shipped.s1, s2: shipped.s2 };
}

/** The frame that ends at the shipped position must stand in the live WAL byte for byte. */
function lastFrameStands(tail: ShippedTail, local: LocalEvidence): boolean {
  if (tail.lastFrame === undefined) return tail.offset === WAL_HEADER_BYTES;
  const here = new Uint8Array(tail.lastFrame.byteLength);
  const count = local.readWal(here, tail.offset - here.byteLength);
  return count === here.byteLength && Buffer.compare(here, tail.lastFrame) === 0;
}

function chainAt(shipped: ShippedWal, header: WalHeader): ChainState {
  return {
    littleEndian: header.littleEndian,
    pageSize: header.pageSize,
    salt1: shipped.salt1,
    salt2: shipped.salt2,
    checksum: { s1: shipped.s1, s2: shipped.s2 },
  };
}

function inSameWal(tail: ShippedTail, local: LocalEvidence): Continuity | undefined {
  const shipped = shippedWal(tail, local.pageSize);
  if (shipped === undefined || local.header === undefined || !lastFrameStands(tail, local)) return undefined;
  const end = offsetOfFrames(local.log, local.pageSize);
  if (end >= tail.offset) {
    return { kind: "same-wal", index: tail.index, offset: tail.offset, chain: chainAt(shipped, local.header) };
  }
  // A RESTART reset the log and nothing was written since: the file still shows the old WAL, all of it written back.
  if (local.log === 0 && nothingFollows(tail, shipped, local.header, local)) {
    return { kind: "next-wal", index: tail.index + 1, previous: previousEnd(tail, shipped) };
  }
  return undefined;
}

function nothingFollows(tail: ShippedTail, shipped: ShippedWal, header: WalHeader, local: LocalEvidence): boolean {
  const old = findOldTail({ from: tail.offset, chain: chainAt(shipped, header), newEnd: 0, local });
  return old.kind === "proved" && old.end === tail.offset;
}

function sameSaltReason(tail: ShippedTail, local: LocalEvidence): string {
  return lastFrameStands(tail, local)
    ? "diverged: the WAL ends before what was shipped"
    : "diverged: the last frame shipped is not the one in the WAL";
}

function inSpool(tail: ShippedTail, shipped: ShippedWal, local: LocalEvidence): Continuity | undefined {
  const header = local.header;
  if (header === undefined) return undefined;
  const closed = (local.state.closed ?? []).find((wal) => names(wal, shipped));
  if (closed === undefined || !names(closed.next, header)) return undefined;
  if (closed.end === tail.offset) {
    return { kind: "next-wal", index: tail.index + 1, previous: previousEnd(tail, shipped) };
  }
  if (closed.spool === null || closed.spool.from > tail.offset || closed.end < tail.offset) return undefined;
  return { kind: "spooled", index: tail.index, offset: tail.offset, chain: chainAt(shipped, header), closed };
}

/** Salt-1 rose by exactly one: one restart, and what the new WAL has not grown over is still there. */
function oneRestart(
  tail: ShippedTail,
  shipped: ShippedWal,
  noted: NotedPosition | undefined,
  local: LocalEvidence,
): Continuity {
  const header = local.header;
  const newEnd = offsetOfFrames(local.log, local.pageSize);
  const frameStart = tail.offset - (tail.lastFrame?.byteLength ?? 0);
  if (header === undefined || tail.lastFrame === undefined || newEnd > frameStart || !lastFrameStands(tail, local)) {
    return unproven(local, noted, tail, "the WAL was restarted, and its place overwritten, while nobody followed it");
  }
  const chain = chainAt(shipped, header);
  const old = findOldTail({ from: tail.offset, chain, newEnd, local });
  if (old.kind === "unproved") return unproven(local, noted, tail, old.reason);
  if (old.end === tail.offset) {
    return { kind: "next-wal", index: tail.index + 1, previous: previousEnd(tail, shipped) };
  }
  return { kind: "old-tail", index: tail.index, offset: tail.offset, chain, tail: old };
}

function reasonFor(tail: ShippedTail, shipped: ShippedWal | undefined, local: LocalEvidence): string {
  if (tail.fence !== undefined) return "another process has taken the replica over meanwhile";
  if (shipped === undefined && tail.offset === 0)
    return "the database was changed after its snapshot, while nobody followed it";
  if (shipped === undefined) return "the replica's last segment does not end on a frame of this page size";
  if (local.header === undefined) return "the WAL is gone: it was written back and deleted while nobody followed it";
  return "the WAL was restarted more than once while nobody followed it";
}

/**
 * Salts rise by one at each restart, so a smaller one close by is an earlier WAL of the same database. That of a database made
 * anew is random: one in 65,536 lies so close by chance, and is refused although it may begin a history.
 */
const NEAR_RESTARTS = 65_536;

function unproven(local: LocalEvidence, noted: NotedPosition | undefined, tail: ShippedTail, reason: string): Unproven {
  if (local.empty) return { kind: "unproven", reason, standing: "empty" };
  const shipped = shippedWal(tail, local.pageSize);
  const sameLog = shipped !== undefined && local.header !== undefined && names(local.header, shipped);
  const shorter = sameLog && local.log > 0 && offsetOfFrames(local.log, local.pageSize) < tail.offset;
  const behind = shipped !== undefined && local.header !== undefined ? (shipped.salt1 - local.header.salt1) | 0 : 0;
  const earlierWal = behind > 0 && behind < NEAR_RESTARTS;
  const branchedEarlier =
    noted !== undefined &&
    noted.generation === tail.generation &&
    (noted.index < tail.index || (noted.index === tail.index && noted.offset < tail.offset)) &&
    sameIdentity(local.state.rest?.database, local.identity);
  return { kind: "unproven", reason, standing: shorter || earlierWal || branchedEarlier ? "older" : "unknown" };
}

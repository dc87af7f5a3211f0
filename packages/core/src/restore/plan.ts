// What a restore will fetch, decided from a listing alone: a hole that the listing shows is refused before a byte is
// fetched. Pure.
import type { GenerationRecord, SnapshotRecord } from "../replica/catalog.ts";
import { snapshotKey } from "../replica/layout.ts";
import { comparePlaces, type Generation } from "../replica/position.ts";
import { RestoreRefusal } from "./refusal.ts";
import { chooseSnapshot, type RestoreTarget } from "./target.ts";

/** The snapshot to fetch. */
export interface PlannedSnapshot {
  readonly key: string;
  readonly index: number;
  /** Bytes as stored. */
  readonly size: number;
}

/** What a restore fetches and where it ends. */
export interface RestorePlan {
  readonly generation: Generation;
  readonly snapshot: PlannedSnapshot;
  /** Places `first` to `end` (exclusive) of the generation's segment table, in the order in which they are applied. */
  readonly segments: { readonly table: GenerationRecord["segments"]; readonly first: number; readonly end: number };
  /** How many segments there are. */
  readonly segmentCount: number;
  /** Bytes as stored, of all objects. */
  readonly bytes: number;
  /** The store's date of the newest object that is used: the state restored is at least as old as this. */
  readonly moment: Date;
  /** Start of the last segment, or the snapshot's index at 0; where that segment ends is known once it is read. */
  readonly last: { readonly index: number; readonly offset: number };
  /** `hole`: the WAL breaks off here, and more of it is known to have been; only on demand is that restored. */
  readonly stop: "end" | "hole";
}

/**
 * Chooses a snapshot and checks what follows it. Throws `no-backup`, `usage`, or a `RestoreRefusal` of kind `damaged` that
 * names the place of the first hole. Never falls back to another snapshot unasked.
 */
export function planGeneration(record: GenerationRecord, target: RestoreTarget): RestorePlan {
  const snapshot = chooseSnapshot(record, target);
  const chain = followChain(record, snapshot, target);
  if (chain.hole === undefined) return planOf(record, snapshot, chain);
  const place = { generation: record.generation, index: chain.hole.index, offset: chain.hole.offset };
  throw new RestoreRefusal("damaged", chain.hole.what, place, { fault: { kind: "wal", ...place } });
}

/** The plan of a chain; where it has a hole, of what is before it. */
export function planOf(record: GenerationRecord, snapshot: SnapshotRecord, chain: Chain): RestorePlan {
  let bytes = snapshot.size;
  let momentMs = snapshot.modifiedAt.getTime();
  const { segments } = record;
  for (let at = chain.first; at < chain.end; at++) {
    bytes += segments.sizeAt(at);
    momentMs = Math.max(momentMs, segments.modifiedMsAt(at));
  }
  const last = chain.end > chain.first ? segments.at(chain.end - 1) : undefined;
  const end = { index: last?.index ?? snapshot.index, offset: last?.offset ?? 0 };
  return {
    generation: record.generation,
    snapshot: { key: snapshotKey(record.generation, snapshot.index), index: snapshot.index, size: snapshot.size },
    segments: { table: segments, first: chain.first, end: chain.end },
    segmentCount: chain.end - chain.first,
    bytes,
    moment: new Date(momentMs),
    last: end,
    stop: chain.hole === undefined ? "end" : "hole",
  };
}

/** A place that the listing shows to be missing. */
export interface Hole {
  readonly what: string;
  readonly index: number;
  readonly offset: number;
}

export interface Chain {
  readonly first: number;
  /** Exclusive; where there is a hole, the place just before it. */
  readonly end: number;
  readonly hole: Hole | undefined;
}

/**
 * Follows the segments from a snapshot on, up to the target's bound: with a timestamp the first younger segment ends
 * the walk (it is not skipped), an index is included whole (formats.md A5.2). Segments below the snapshot do not matter;
 * at `cut` the WAL counts as broken off.
 */
export function followChain(
  record: GenerationRecord,
  snapshot: SnapshotRecord,
  target: RestoreTarget,
  cut?: { readonly index: number; readonly offset: number },
): Chain {
  const { segments } = record;
  const first = segments.firstFrom(snapshot.index);
  const untilMs = target.timestamp?.getTime() ?? Number.POSITIVE_INFINITY;
  const untilIndex = target.index ?? Number.POSITIVE_INFINITY;
  const { place } = target;
  let index = snapshot.index;
  let offset = -1;
  let at = first;
  for (; at < segments.length; at++) {
    const here = { index: segments.indexAt(at), offset: segments.offsetAt(at) };
    if (cut !== undefined && comparePlaces(here, cut) >= 0) return brokenOff(first, at, cut);
    if (here.index > untilIndex || (place !== undefined && comparePlaces(here, place) >= 0)) break;
    const hole = holeBefore(here, index, offset);
    // Also before the first younger one: what is gone may have been old enough.
    if (hole !== undefined) return { first, end: at, hole };
    if (segments.modifiedMsAt(at) > untilMs) break;
    ({ index, offset } = here);
  }
  if (cut !== undefined && at === segments.length) return brokenOff(first, at, cut);
  // A place past offset 0 lies in its index; what is there of it is proved once it is read.
  if (place !== undefined && place.offset > 0 && (index < place.index || at === first)) {
    return { first, end: at, hole: { what: "missing WAL index", index: place.index, offset: 0 } };
  }
  // Something lies beyond the index asked for, so that index, and the snapshot's own, must have been there.
  if (target.index !== undefined && at < segments.length && (index < target.index || at === first)) {
    return { first, end: at, hole: { what: "missing WAL index", index: at === first ? index : index + 1, offset: 0 } };
  }
  return { first, end: at, hole: undefined };
}

function brokenOff(first: number, end: number, { index, offset }: { index: number; offset: number }): Chain {
  return { first, end, hole: { what: "the WAL breaks off", index, offset } };
}

/** What is missing before a segment. `index` and `offset` are of the segment before, or of the snapshot with offset -1. */
export function holeBefore(here: { index: number; offset: number }, index: number, offset: number): Hole | undefined {
  const expected = here.index === index ? index : index + 1;
  if (here.index !== index && offset < 0) return { what: "missing WAL index", index, offset: 0 };
  if (here.index > expected) return { what: "missing WAL index", index: expected, offset: 0 };
  if (here.index === index && here.offset === offset) {
    return { what: "two segments claim the same place", index, offset };
  }
  const begins = here.index !== index || offset < 0;
  if (begins && here.offset !== 0)
    return { what: "missing first WAL segment of an index", index: here.index, offset: 0 };
  return undefined;
}

/**
 * Whether some of the WAL that the snapshot may have pages of is not used: then only a snapshot that states its place will
 * do, since pages of two ages would be mixed otherwise.
 */
export function breaksOffInOwnIndex({ stop, last, snapshot }: RestorePlan): boolean {
  return stop === "hole" && last.index === snapshot.index;
}

// What a restore will fetch, decided from a listing alone: a hole that the listing shows is refused before a byte is
// fetched. Pure.
import { type Catalog, compareHistories, type GenerationRecord, type SnapshotRecord } from "../replica/catalog.ts";
import { snapshotKey } from "../replica/layout.ts";
import { comparePlaces, type Generation } from "../replica/position.ts";
import { type ProvablePoint, RestoreRefusal } from "./refusal.ts";
import { chooseGeneration, chooseSnapshot, type RestoreTarget } from "./target.ts";

/** One object to fetch. */
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
}

/**
 * Chooses and checks. Throws `no-backup`, `usage`, or a `RestoreRefusal` of kind `damaged` that names the place of the
 * first hole and the newest point that the listing shows to be whole. Never falls back to another snapshot unasked.
 */
export function choosePlan(catalog: Catalog, target: RestoreTarget = {}): RestorePlan {
  const record = chooseGeneration(catalog, target);
  return planGeneration(record, target, () => newestProvable(catalog, record));
}

/** As `choosePlan`, for a generation that was chosen already. */
export function planGeneration(
  record: GenerationRecord,
  target: RestoreTarget,
  provable: () => ProvablePoint | undefined = () => undefined,
): RestorePlan {
  const snapshot = chooseSnapshot(record, target);
  const chain = walk(record, snapshot, target);
  if (chain.hole !== undefined) {
    const { what, index, offset } = chain.hole;
    throw new RestoreRefusal(
      "damaged",
      what,
      { generation: record.generation, index, offset },
      { provable: provable() },
    );
  }
  let bytes = snapshot.size;
  let momentMs = snapshot.modifiedAt.getTime();
  const { segments } = record;
  for (let at = chain.first; at < chain.end; at++) {
    bytes += segments.sizeAt(at);
    momentMs = Math.max(momentMs, segments.modifiedMsAt(at));
  }
  const last = chain.end > chain.first ? segments.at(chain.end - 1) : undefined;
  return {
    generation: record.generation,
    snapshot: { key: snapshotKey(record.generation, snapshot.index), index: snapshot.index, size: snapshot.size },
    segments: { table: segments, first: chain.first, end: chain.end },
    segmentCount: chain.end - chain.first,
    bytes,
    moment: new Date(momentMs),
    last: { index: last?.index ?? snapshot.index, offset: last?.offset ?? 0 },
  };
}

/** A place that the listing shows to be missing. */
export interface Hole {
  readonly what: string;
  readonly index: number;
  readonly offset: number;
}

interface Chain {
  readonly first: number;
  /** Exclusive; where there is a hole, the place just before it. */
  readonly end: number;
  readonly hole: Hole | undefined;
}

/**
 * Follows the segments from a snapshot on, up to the target's bound: with a timestamp the first younger segment ends
 * the walk (it is not skipped), an index is included whole (formats.md A5.2). Segments below the snapshot do not matter.
 */
function walk(record: GenerationRecord, snapshot: SnapshotRecord, target: RestoreTarget): Chain {
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
    if (segments.modifiedMsAt(at) > untilMs || here.index > untilIndex) break;
    if (place !== undefined && comparePlaces(here, place) >= 0) break;
    const hole = holeBefore(here, index, offset);
    if (hole !== undefined) return { first, end: at, hole };
    ({ index, offset } = here);
  }
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

/** The furthest point of any snapshot's unbroken chain, in this generation if it has one, else in the newest other. */
export function newestProvable(catalog: Catalog, record: GenerationRecord): ProvablePoint | undefined {
  const own = provableIn(record);
  if (own !== undefined) return own;
  const others = catalog.generations.filter((other) => other !== record).sort((a, b) => compareHistories(b, a));
  for (const other of others) {
    const point = provableIn(other);
    if (point !== undefined) return point;
  }
  return undefined;
}

function provableIn(record: GenerationRecord): ProvablePoint | undefined {
  const { segments, generation } = record;
  // The highest snapshot whose chain comes anywhere reaches furthest: chains of lower ones end at or before the same hole.
  for (const snapshot of record.snapshots.toReversed()) {
    const chain = walk(record, snapshot, {});
    const last = chain.end > chain.first ? segments.at(chain.end - 1) : undefined;
    if (last === undefined) {
      // A hole in the snapshot's own index: the copy may hold some of that index's pages and not others.
      if (chain.hole !== undefined) continue;
      return { generation, index: snapshot.index, offset: 0, moment: snapshot.modifiedAt, wholeIndex: true };
    }
    const next = segments.at(chain.end);
    return {
      generation,
      index: last.index,
      offset: last.offset,
      moment: new Date(Math.max(last.modifiedAt.getTime(), snapshot.modifiedAt.getTime())),
      wholeIndex: next === undefined || next.index > last.index,
    };
  }
  return undefined;
}

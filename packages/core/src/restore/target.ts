// Which generation and snapshot a restore starts from. Pure; the rules are Litestream 0.3.13's (formats.md A6), with
// clear errors outside the window, and never a generation that has no snapshot.
import { LitewakeError } from "../errors.ts";
import { type Catalog, compareHistories, type GenerationRecord, type SnapshotRecord } from "../replica/catalog.ts";
import type { Generation, Position } from "../replica/position.ts";
import { formatIndex, RestoreRefusal } from "./refusal.ts";

/** A place that a segment ends at, as a restore point names it. */
export interface ExactPlace extends Position {
  /** Index of the snapshot to begin with: one that is not newer than the place. */
  readonly snapshot: number;
}

/** What to restore. Nothing set: the newest state. */
export interface RestoreTarget {
  readonly generation?: Generation | undefined;
  /** Up to and including the whole of this WAL index. Not together with `timestamp`. */
  readonly index?: number | undefined;
  /** The state that the replica had at this moment of the store's clock. */
  readonly timestamp?: Date | undefined;
  /** Exactly this state. Not together with anything else. */
  readonly place?: ExactPlace | undefined;
}

/** Refuses a target that contradicts itself. Kind `usage`. */
export function checkTarget(target: RestoreTarget): void {
  if (target.place !== undefined && (target.index ?? target.timestamp ?? target.generation) !== undefined) {
    throw new LitewakeError("usage", "an exact place says everything already", {
      next: "leave generation, index and timestamp out",
    });
  }
  if (target.index !== undefined && target.timestamp !== undefined) {
    throw new LitewakeError("usage", "an index and a timestamp cannot be restored to at the same time", {
      next: "give one of -index and -timestamp",
    });
  }
  if (target.timestamp !== undefined && Number.isNaN(target.timestamp.getTime())) {
    throw new LitewakeError("usage", "the timestamp is not a date", { next: "write it as 2026-01-31T12:00:00Z" });
  }
}

/** The generation that fits the target and was written to last, as `compareHistories` has it. Throws as `fittingGenerations`. */
export function chooseGeneration(catalog: Catalog, target: RestoreTarget): GenerationRecord {
  const [newest] = fittingGenerations(catalog, target);
  if (newest === undefined) throw new LitewakeError("internal", "no generation fits");
  return newest;
}

/**
 * The generations that fit the target, newest first, at least one. Throws kind `no-backup` where none fits, `damaged` where
 * the newest has WAL but no snapshot.
 */
export function fittingGenerations(catalog: Catalog, target: RestoreTarget): readonly GenerationRecord[] {
  checkTarget(target);
  const generation = target.place?.generation ?? target.generation;
  const named = catalog.generations.filter((record) => generation === undefined || record.generation === generation);
  if (named.length === 0) throw nothingThere(catalog, generation);
  const restorable = named.filter((record) => record.snapshots.length > 0);
  refuseHeadless(named, target);
  const { timestamp } = target;
  const fitting = restorable.filter((record) => timestamp === undefined || covers(record, timestamp));
  if (fitting.length === 0) throw outsideWindow(restorable, timestamp ?? new Date(0));
  return fitting.sort((a, b) => compareHistories(b, a));
}

/**
 * A generation begins with its snapshot: the newest one without any has lost it, and the one before would be an older state.
 * (Of an older generation retention may have deleted the snapshots already.)
 */
function refuseHeadless(named: readonly GenerationRecord[], { timestamp }: RestoreTarget): void {
  const newest = named.toSorted(compareHistories).at(-1);
  if (newest === undefined || newest.snapshots.length > 0) return;
  const hasOthers = named.some((record) => record.snapshots.length > 0);
  if (hasOthers && timestamp !== undefined && timestamp < newest.createdAt) return;
  const { generation, segments } = newest;
  throw new RestoreRefusal("damaged", "there are WAL segments but no snapshot to apply them to", {
    generation,
    index: segments.indexAt(0),
  });
}

/**
 * The snapshot to start from: the newest at or before the timestamp; without one the newest; with an index the highest
 * at or below it. Of equal dates (S3 has whole seconds) the lowest index, which is right for all of them.
 */
export function chooseSnapshot(record: GenerationRecord, target: RestoreTarget): SnapshotRecord {
  const { index, timestamp, place } = target;
  if (place !== undefined) return snapshotOf(record, place);
  if (index !== undefined) {
    checkIndex(record, index);
    const below = record.snapshots.findLast((snapshot) => snapshot.index <= index);
    if (below !== undefined) return below;
  }
  let newest: SnapshotRecord | undefined;
  for (const snapshot of record.snapshots) {
    if (timestamp !== undefined && snapshot.modifiedAt > timestamp) continue;
    if (newest === undefined || snapshot.modifiedAt > newest.modifiedAt) newest = snapshot;
  }
  // `covers` and `checkIndex` have seen to it that there is one.
  if (newest === undefined) throw new LitewakeError("internal", `no snapshot of ${record.generation} fits`);
  return newest;
}

function snapshotOf(record: GenerationRecord, { snapshot: index }: ExactPlace): SnapshotRecord {
  const found = record.snapshots.find((snapshot) => snapshot.index === index);
  if (found !== undefined) return found;
  throw new RestoreRefusal("damaged", "the snapshot that the point begins with is gone", {
    generation: record.generation,
    index,
  });
}

function oldestSnapshotMs(record: GenerationRecord): number {
  return Math.min(...record.snapshots.map((snapshot) => snapshot.modifiedAt.getTime()));
}

// From the first snapshot on, not from the first object: nothing can be restored before it.
function covers(record: GenerationRecord, timestamp: Date): boolean {
  return oldestSnapshotMs(record) <= timestamp.getTime() && timestamp <= record.updatedAt;
}

function checkIndex(record: GenerationRecord, index: number): void {
  const lowest = record.snapshots[0]?.index ?? 0;
  const highest = Math.max(record.segments.at(-1)?.index ?? 0, record.snapshots.at(-1)?.index ?? 0);
  if (index >= lowest && index <= highest) return;
  throw new RestoreRefusal(
    "usage",
    `the index is outside of what the replica holds, ${formatIndex(lowest)} to ${formatIndex(highest)}`,
    { generation: record.generation, index },
  );
}

function nothingThere(catalog: Catalog, generation: Generation | undefined): LitewakeError {
  if (catalog.ltx) {
    return new LitewakeError("usage", "the replica holds Litestream 0.5 LTX files, which Litewake does not read", {
      next: "restore it with litestream 0.5",
    });
  }
  if (generation === undefined || catalog.generations.length === 0) {
    return new LitewakeError("no-backup", "the replica holds no backup");
  }
  return new LitewakeError("no-backup", `the replica holds no generation ${generation}`, {
    next: `it holds ${listed(catalog.generations.map((record) => record.generation))}`,
  });
}

const LISTED = 10;

/** The newest names are as good as any: a hostile listing has millions. */
function listed(names: readonly string[]): string {
  const more = names.length - LISTED;
  return `${names.slice(-LISTED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function outsideWindow(records: readonly GenerationRecord[], timestamp: Date): LitewakeError {
  const windows = records
    .map((record) => ({
      from: new Date(oldestSnapshotMs(record)),
      to: record.updatedAt,
      generation: record.generation,
    }))
    .sort((a, b) => a.from.getTime() - b.from.getTime());
  const shown = windows
    .slice(-4)
    .map(({ from, to, generation }) => `${from.toISOString()} to ${to.toISOString()} (generation ${generation})`);
  const more = windows.length > shown.length ? ` and ${windows.length - shown.length} older` : "";
  const first = windows[0];
  const last = windows.at(-1);
  const where =
    first !== undefined && timestamp < first.from
      ? "before the oldest snapshot"
      : last !== undefined && windows.every(({ to }) => timestamp > to)
        ? "after the newest object"
        : "between two generations";
  return new LitewakeError("no-backup", `the timestamp ${timestamp.toISOString()} is ${where}`, {
    next: `what can be restored is ${shown.join(", ")}${more}; without -timestamp the newest state is restored`,
  });
}

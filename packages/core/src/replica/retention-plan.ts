// What may be deleted from a replica so that every instant of the retention window stays restorable. Pure.
import type { Catalog, GenerationRecord, SnapshotRecord } from "./catalog.ts";
import { snapshotKey } from "./layout.ts";
import type { Generation } from "./position.ts";

/** A place that stays restorable. */
export interface Pin {
  readonly generation: Generation;
  readonly index: number;
  /** The snapshot to begin with; default: the highest at or below the index. */
  readonly snapshot?: number | undefined;
}

export interface RetentionRules {
  /** Every instant since so long before `nowMs` stays restorable. Milliseconds. */
  readonly retentionMs: number;
  /** The store's clock, or a moment that it has certainly passed. Milliseconds since 1970. */
  readonly nowMs: number;
  /** The generation that is written to. */
  readonly current: Generation;
  /** Indexes that stay restorable whole, however old. */
  readonly pins?: readonly Pin[];
  /** Generations that have WAL and no snapshot, as `headlessGenerations` has found. Default: none is taken for one. */
  readonly headless?: ReadonlySet<Generation>;
  /** Generations of which nothing is wanted once they ended before the window. Heeded while `current` has a snapshot. */
  readonly dropped?: ReadonlySet<Generation>;
}

/**
 * Keys to delete, in batches that must be deleted one after the other; within a batch any order will do. Old snapshots go
 * first, so that none is offered whose WAL is gone; the first segment of an index goes last, since one without it blocks
 * every restore by Litestream 0.3.13, below the snapshot too (formats.md C5).
 */
export type DeletionBatches = readonly (readonly string[])[];

/**
 * Decides by each generation's base: its newest snapshot at or before the start of the window. It and everything after it
 * are kept. Of a generation that ended before the window, other than the current one, the last restorable state is kept:
 * whether it is still wanted, only a person can tell. Where the listing shows a hole after the base, nothing of that
 * generation is deleted: an older snapshot may be what a person will want to go back to.
 */
export function planRetention(catalog: Catalog, rules: RetentionRules): DeletionBatches {
  const snapshots: string[] = [];
  const later: string[] = [];
  const first: string[] = [];
  const isAlive = catalog.generations.some(
    (record) => record.generation === rules.current && record.snapshots.length > 0,
  );
  for (const record of catalog.generations) {
    const keptFrom = firstKeptIndex(record, rules, isAlive);
    if (keptFrom === 0) continue;
    const pinned = pinnedRanges(record, rules);
    const isKept = (index: number): boolean =>
      index >= keptFrom || pinned.some(({ from, to }) => index >= from && index <= to);
    for (const { index } of record.snapshots) {
      if (!isKept(index)) snapshots.push(snapshotKey(record.generation, index));
    }
    const { segments } = record;
    for (let at = 0; at < segments.length; at++) {
      if (!isKept(segments.indexAt(at))) (segments.offsetAt(at) === 0 ? first : later).push(segments.keyAt(at));
    }
  }
  return [snapshots, later, first].filter((batch) => batch.length > 0);
}

/** Indexes below this one are not needed, but for pins. */
function firstKeptIndex(record: GenerationRecord, rules: RetentionRules, isAlive: boolean): number {
  if (record.ambiguous !== undefined) return 0;
  const startMs = rules.nowMs - rules.retentionMs;
  const ended = record.generation !== rules.current && record.updatedAt.getTime() < startMs;
  if (ended && isAlive && rules.dropped?.has(record.generation) === true) return Number.POSITIVE_INFINITY;
  // WAL that no snapshot goes before cannot be restored; while it is young, its snapshot may still be on the way.
  if (record.snapshots.length === 0) {
    return ended && rules.headless?.has(record.generation) === true ? Number.POSITIVE_INFINITY : 0;
  }
  const base = newest(record.snapshots, ended ? Number.POSITIVE_INFINITY : startMs);
  return base !== undefined && isWholeFrom(record, base.index) ? base.index : 0;
}

function newest(snapshots: readonly SnapshotRecord[], untilMs: number): SnapshotRecord | undefined {
  let best: SnapshotRecord | undefined;
  for (const snapshot of snapshots) {
    if (snapshot.modifiedAt.getTime() > untilMs) continue;
    if (best === undefined || snapshot.modifiedAt >= best.modifiedAt) best = snapshot;
  }
  return best;
}

// As far as a listing shows: no index number left out, each with its first segment.
function isWholeFrom({ segments }: GenerationRecord, from: number): boolean {
  let index = from - 1;
  for (let at = segments.firstFrom(from); at < segments.length; at++) {
    if (segments.indexAt(at) === index) continue;
    index++;
    if (segments.indexAt(at) !== index || segments.offsetAt(at) !== 0) return false;
  }
  return true;
}

// A pin needs its snapshot (by default the one that `-index` chooses, the highest at or below it) and all WAL from there on.
function pinnedRanges(
  { generation, snapshots }: GenerationRecord,
  { pins = [] }: RetentionRules,
): { from: number; to: number }[] {
  return pins.flatMap((pin) => {
    if (pin.generation !== generation) return [];
    const base = snapshots.findLast((snapshot) => snapshot.index <= (pin.snapshot ?? pin.index));
    return base === undefined ? [] : [{ from: base.index, to: pin.index }];
  });
}

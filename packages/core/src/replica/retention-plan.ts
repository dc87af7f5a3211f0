// What may be deleted from a replica so that every instant of the retention window stays restorable. Pure.
import type { Catalog, GenerationRecord, SnapshotRecord } from "./catalog.ts";
import { segmentKey, snapshotKey } from "./layout.ts";
import type { Generation } from "./position.ts";

export interface RetentionRules {
  /** Every instant since so long before `nowMs` stays restorable. Milliseconds. */
  readonly retentionMs: number;
  /** The store's clock, or a moment that it has certainly passed. Milliseconds since 1970. */
  readonly nowMs: number;
  /** The generation that is written to. */
  readonly current: Generation;
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
 * whether it is still wanted, only a person can tell.
 */
export function planRetention(catalog: Catalog, rules: RetentionRules): DeletionBatches {
  const startMs = rules.nowMs - rules.retentionMs;
  const snapshots: string[] = [];
  const later: string[] = [];
  const first: string[] = [];
  for (const record of catalog.generations) {
    if (record.ambiguous !== undefined) continue;
    const keptFrom = firstKeptIndex(record, startMs, record.generation === rules.current);
    for (const snapshot of record.snapshots) {
      if (snapshot.index < keptFrom) snapshots.push(snapshotKey(record.generation, snapshot.index));
    }
    for (const { index, offset } of record.segments) {
      if (index < keptFrom) (offset === 0 ? first : later).push(segmentKey(record.generation, index, offset));
    }
  }
  return [snapshots, later, first].filter((batch) => batch.length > 0);
}

/** Indexes below this one are not needed. */
function firstKeptIndex(record: GenerationRecord, startMs: number, current: boolean): number {
  const ended = !current && record.updatedAt.getTime() < startMs;
  // WAL that no snapshot goes before cannot be restored; while it is young, its snapshot may still be on the way.
  if (record.snapshots.length === 0) return ended ? Number.POSITIVE_INFINITY : 0;
  const base = newest(record.snapshots, ended ? Number.POSITIVE_INFINITY : startMs);
  return base?.index ?? 0;
}

function newest(snapshots: readonly SnapshotRecord[], untilMs: number): SnapshotRecord | undefined {
  let best: SnapshotRecord | undefined;
  for (const snapshot of snapshots) {
    if (snapshot.modifiedAt.getTime() > untilMs) continue;
    if (best === undefined || snapshot.modifiedAt >= best.modifiedAt) best = snapshot;
  }
  return best;
}

// What is known of a replica from its drills: a restore somewhere else, compared page by page with the live database.
import type { Position } from "../replica/position.ts";

/** `failed`: the replica did not bring the database back. `not-made`: the drill itself could not be made. */
export type DrillOutcome = "proved" | "failed" | "not-made";

export interface DrillStatus {
  readonly intervalMs: number;
  /** Of the last one; null: none has ended yet. */
  readonly outcome: DrillOutcome | null;
  /** When that ended: as JSON has times, since this crosses between processes. */
  readonly endedAt: string | null;
  /** Why it did not prove anything, one line. */
  readonly reason: string | null;
  /** The newest proof: everything that was committed before the moment is restored from the replica, exactly. */
  readonly proved: { readonly position: Position; readonly moment: string } | null;
  /** Of the last one that was made. Milliseconds: from its beginning to its end, and how long rotations had to wait. */
  readonly tookMs: number;
  readonly heldMs: number;
  /** Of the database, compared by the last one that proved it. */
  readonly pages: number;
  /** Bytes as stored, fetched by it. */
  readonly bytesFetched: number;
  /** Since this process began. */
  readonly runs: Readonly<Record<DrillOutcome, number>>;
}

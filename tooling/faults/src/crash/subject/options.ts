// What the process that is to be killed is told: JSON, as its one argument.
import type { FollowerTuning } from "@litewake/core";
import type { Point } from "../point.ts";

export interface Killing {
  /** Undefined: it lives until it is asked to end. */
  readonly point: Point | undefined;
  readonly seed: number;
  /** A process to kill at the same moment. */
  readonly companion?: number | undefined;
}

/** Intervals in milliseconds. */
export interface Intervals {
  readonly syncIntervalMs: number;
  readonly snapshotIntervalMs: number;
  readonly retentionMs: number;
  readonly retentionCheckIntervalMs: number;
}

/** Follows one database with a ledger into one or more replicas. */
export interface FollowSubject extends Killing, Intervals {
  readonly work: "follow";
  readonly database: string;
  /** Folders. */
  readonly replicas: readonly string[];
  readonly tuning: Partial<FollowerTuning>;
  /** Pause between two syncs, each of which acknowledges something. */
  readonly ackEveryMs: number;
}

/** Restores one database, as `litewake restore` does. */
export interface RestoreSubject extends Killing {
  readonly work: "restore";
  readonly replica: string;
  readonly output: string;
}

/** A fleet as a container boots it: lease, restore of what is missing, following. */
export interface FleetSubject extends Killing, Intervals {
  readonly work: "fleet";
  readonly folder: string;
  readonly shards: number;
  readonly replica: string;
  readonly pointsIntervalMs: number;
  readonly leaseMs: number;
  readonly tuning: Partial<FollowerTuning>;
  readonly ackEveryMs: number;
  /** The application's own record: a line for each commit. */
  readonly ledger: string;
}

export type Subject = FollowSubject | RestoreSubject | FleetSubject;

// What a shipper needs of the database it ships: the log, the file standing still, and evidence of what happened before.
import type { LogPlace } from "../database/epoch.ts";
import type { FrozenDatabase } from "../database/frozen-copy.ts";
import type { LiveDatabase } from "../database/live-database.ts";
import type { Logger } from "../logger.ts";
import type { Generation } from "../replica/position.ts";
import type { Continuity, LocalEvidence } from "./continuity.ts";
import type { LiveLog } from "./live-log.ts";

/** The database standing still until `release` is called. */
export interface HeldDatabase extends FrozenDatabase {
  /** Whatever was committed before this time is in it. */
  readonly at: Date;
  release(): void;
}

export interface HoldOptions {
  /** Called in the same turn in which the file came to stand still, with the place of its state. */
  readonly onHeld?: (place: LogPlace) => void;
  /** Called when somebody else waits for the hold, once or more often. */
  readonly onWanted?: () => void;
}

export interface ShipperHost {
  readonly database: LiveDatabase;
  readonly log: LiveLog;
  readonly logger: Logger;
  /** A generation over existing history is allowed although the local database is empty or older. */
  readonly newHistory: boolean;
  /** The database was missing or empty when this process started; what is in it now was never in the replica. */
  readonly bornHere: boolean;
  evidence(): LocalEvidence;
  /** Histories that this process, or one before it, has begun at a replica, whatever has become of them. */
  begun(replicaUrl: string): readonly string[];
  /** Notes that a history is about to be begun: its first put may be stored although nobody hears of it. */
  noteBegun(replicaUrl: string, generation: Generation): void;
  /** Makes the unshipped tail of an older WAL readable as the epoch before the current one. */
  adoptTail(found: Extract<Continuity, { kind: "spooled" | "old-tail" }>): number | undefined;
  /** Waits until the database file stands still; one holder at a time. */
  hold(signal: AbortSignal, options?: HoldOptions): Promise<HeldDatabase>;
  /** Waits a moment for a WAL that is short, so that a new generation need not begin with a long segment. */
  shortWal(signal: AbortSignal): Promise<void>;
  /** Asks for a rotation at the next chance, whatever the WAL's size. */
  requestRotation(): void;
  /** A replica has moved on: a position was acknowledged, or it was found, let go, or given up. */
  progressed(): void;
  /** How long a wait before the next try really takes. Milliseconds. */
  retryWait(ms: number): number;
}

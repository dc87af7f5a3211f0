// The figures by which a follower moves.

export interface FollowerTuning {
  /** The mark is moved this often while the database is written to at some speed. Milliseconds. */
  readonly moveEveryMs: number;
  /** … as long as so much was written since; else four times as seldom, and ten times while replicas are far behind. Bytes of WAL. */
  readonly moveFromBytes: number;
  /** … or each time so much was written. Bytes of WAL. */
  readonly moveEveryBytes: number;
  /**
   * Below this many frames nothing is written back: a WAL that is not written back cannot be restarted when this process
   * is killed, so the same generation goes on. SQLite's own checkpoints begin at 1000 frames; ours must come before.
   */
  readonly writeBackFromFrames: number;
  /** Optimistic rotation is tried from this size on. Bytes of WAL. */
  readonly rotateFromBytes: number;
  /** Sealed rotation, which takes the write lock for milliseconds, from this size on. Bytes; Infinity: never. */
  readonly sealFromBytes: number;
  /** Longest spin for the write lock of a sealed rotation. Milliseconds. */
  readonly sealSpinMs: number;
  /** After so long without a commit the mark is given up for mark 0 and no timer runs. Milliseconds. */
  readonly restAfterMs: number;
  /** Largest tail that is kept outside the WAL for a rotation. Bytes. */
  readonly spoolLimitBytes: number;
  /** How long a wait before the next try at a replica really takes, given how long it should; for tests of long outages. */
  readonly retryWait?: ((ms: number) => number) | undefined;
}

const MiB = 1 << 20;

/**
 * Measured on two cores with a writer at full speed: moving each 50 ms keeps the worst commit at 12-19 ms (1 s: 43-63 ms),
 * and rotating from 4 MB keeps mean and p99 of a commit at those of SQLite alone (docs/performance.md).
 */
export const DEFAULT_TUNING: FollowerTuning = {
  moveEveryMs: 50,
  moveFromBytes: MiB,
  moveEveryBytes: 4 * MiB,
  writeBackFromFrames: 800,
  rotateFromBytes: 4 * MiB,
  sealFromBytes: 64 * MiB,
  sealSpinMs: 10,
  restAfterMs: 10_000,
  spoolLimitBytes: 64 * MiB,
};

// Lets the WAL begin anew: the ladder from a rotation that nobody feels to one that takes the write lock for a moment.
import { step } from "../steps.ts";
import type { Follower } from "./follower.ts";
import { blockFor, tryLockWriters, unlockWriters } from "./write-lock.ts";

const SPIN_PAUSE_MS = 0.1;

/**
 * Moves the mark to the end, writes back, and swaps the mark for mark 0. Takes no lock and writes nothing; needs a pause
 * of some milliseconds between two commits. False: not this time.
 */
export function rotateOptimistically(follower: Follower): boolean {
  if (follower.mode !== "mark") return false;
  if (follower.canMove) follower.move();
  else follower.settle();
  const result = follower.passive();
  if (result.busy) return letWaitingCheckpointPass(follower);
  return result.log === result.checkpointed && follower.enterBridge();
}

/**
 * Somebody else is inside a checkpoint. When all is written back, it is a RESTART or TRUNCATE that waits for our mark while
 * it holds the write lock, for as long as its busy timeout: mark 0 lets it through at once.
 */
export function letWaitingCheckpointPass(follower: Follower): boolean {
  if (follower.mode !== "mark") return false;
  const { log, checkpointed } = follower.database.checkpointer.state();
  return log > 0 && log === checkpointed && follower.enterBridge();
}

/**
 * The same under the write lock, which is taken for milliseconds and writes nothing. An application whose busy timeout is
 * 0 gets SQLITE_BUSY if it writes in that moment; hence only for a WAL that has grown large.
 */
export function rotateSealed(follower: Follower): boolean {
  if (follower.mode !== "mark") return false;
  const { database } = follower;
  if (follower.canMove) follower.move();
  follower.passive();
  // What is not shipped yet is copied before the lock, so that under it only a few frames are left to copy: with all of it
  // under the lock a writer at full speed once waited 180 ms.
  if (!follower.keepTail()) return false;
  if (!lockWriters(follower)) return rotateOptimistically(follower);
  try {
    step("seal:begun");
    follower.observe();
    if (follower.canMove) follower.move();
    step("seal:moved");
    const result = follower.passive();
    step("seal:passive");
    return !result.busy && result.log === result.checkpointed && follower.enterBridge();
  } finally {
    unlockWriters(database.sealer);
    step("seal:released");
  }
}

function lockWriters(follower: Follower): boolean {
  const { sealer } = follower.database;
  const until = performance.now() + follower.tuning.sealSpinMs;
  for (;;) {
    if (tryLockWriters(sealer)) return true;
    if (performance.now() > until) return false;
    blockFor(SPIN_PAUSE_MS);
  }
}

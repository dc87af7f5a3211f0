// One moment over several databases: all their write locks held together while their log ends are read.
import { blockFor } from "../database/write-lock.ts";

/** A database whose writers can be held. */
export interface Lockable {
  /** What a lock needs beforehand. */
  prepareLock(): void;
  tryLock(): boolean;
  unlock(): void;
}

export interface Barrier<T> {
  readonly value: T;
  /** How long the first writer held may have waited. Milliseconds. */
  readonly heldMs: number;
}

const SPIN_PAUSE_MS = 0.1;

/**
 * Does `work` while nobody can write to any of the databases; it must not wait. Each lock is tried for, never waited for in
 * SQLite, and what was taken is let go when not all are had within `budgetMs`: then the answer is undefined. Two such
 * barriers of two processes cannot lock each other up, since both give up.
 */
export function holdAll<T>(databases: readonly Lockable[], budgetMs: number, work: () => T): Barrier<T> | undefined {
  for (const database of databases) database.prepareLock();
  const held: Lockable[] = [];
  const started = performance.now();
  try {
    for (const database of databases) {
      while (!database.tryLock()) {
        if (performance.now() - started > budgetMs) return undefined;
        blockFor(SPIN_PAUSE_MS);
      }
      held.push(database);
    }
    const value = work();
    return { value, heldMs: performance.now() - started };
  } finally {
    for (const database of held) database.unlock();
  }
}

// The write lock of a database, taken for a moment and without writing anything.
import type { DatabaseSync } from "node:sqlite";
import { isBusy } from "./sqlite.ts";

/** One try. False: somebody is writing. */
export function tryLockWriters(connection: DatabaseSync): boolean {
  try {
    connection.exec("begin immediate");
    return true;
  } catch (error) {
    if (!isBusy(error)) throw error;
    return false;
  }
}

export function unlockWriters(connection: DatabaseSync): void {
  connection.exec("rollback");
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread, as whoever waits for a lock that is held for microseconds must. Milliseconds. */
export function blockFor(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

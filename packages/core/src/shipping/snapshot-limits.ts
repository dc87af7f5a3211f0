// How many snapshots one process sends to one store at the same time.
import { ConcurrencyLimit } from "../backend/limit.ts";
import { WORTH_A_THREAD_BYTES } from "./snapshot-body.ts";

/** Half of the calls that a fleet may have under way: the others are left to segments. */
const AT_ONCE = 16;
/** Each has a thread, and parts of it wait in memory: 60 MB. More of them at once would not be done any sooner. */
const LARGE_AT_ONCE = 4;

/** Shared by all databases whose snapshots go to one store: a store that does not answer holds up no other's. */
export class SnapshotLimits {
  readonly #all = new ConcurrencyLimit(AT_ONCE);
  readonly #large = new ConcurrencyLimit(LARGE_AT_ONCE);

  /**
   * Waits for a place for a snapshot of a database of so many bytes; what it resolves to gives the place back. Throws `Aborted`.
   * To be asked before the database is held still: who waits here holds up nobody.
   */
  async take(sizeBytes: number, signal: AbortSignal): Promise<() => void> {
    if (sizeBytes < WORTH_A_THREAD_BYTES) return this.#all.take(signal, "put");
    // In this order: a large one that waits takes no place from small ones.
    const leaveLarge = await this.#large.take(signal, "put");
    try {
      const leave = await this.#all.take(signal, "put");
      return () => {
        leave();
        leaveLarge();
      };
    } catch (error) {
      leaveLarge();
      throw error;
    }
  }
}

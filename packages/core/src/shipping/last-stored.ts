// When a replica last stored something. Two histories must not share a second of the store's clock: many stores date objects
// in whole seconds, and of equal dates every reader of either Litestream takes the first by name, which may be the older one
// (formats.md C6.5). For most of that second a restore would bring back the wrong history.
import { setTimeout as sleep } from "node:timers/promises";

/** Dates of object stores are as coarse as a second, those of FAT as two. */
const GRAIN_MS = 2000;

export class LastStored {
  #endedMs = Number.NEGATIVE_INFINITY;
  #wholeSeconds = true;

  /** Something is dated so, or may have been stored until now although no answer came (`undefined`). */
  learned(date: Date | undefined): void {
    this.#endedMs = performance.now();
    // A date with a fraction shows a finer clock; there two puts in a row are dated apart.
    if (date !== undefined) this.#wholeSeconds = date.getTime() % 1000 === 0;
  }

  /** Resolves when whatever is stored from now on is dated later than all that was learned of. */
  async past(signal: AbortSignal): Promise<void> {
    const waitMs = this.#wholeSeconds ? this.#endedMs + GRAIN_MS - performance.now() : 0;
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
  }
}

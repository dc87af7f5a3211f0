// On a store without conditional puts, what a killed process left in the network may come in after the next process has
// stored its first segment, under the same name, and replace it: the WAL behind that could not be applied any more. Nobody can
// keep it from happening there; it can be seen, for as long as a request may be under way.
import type { PutResult, ReplicaClient } from "../backend/client.ts";
import { ContinuityLost } from "../database/continuity-lost.ts";

/** Looked at so long after it was stored. Milliseconds. */
const LOOKS_MS = [2000, 10_000, 60_000, 600_000];

export class FirstPutWatch {
  readonly #wait: (ms: number) => number;
  #isExpected = false;
  #watched: { readonly key: string; readonly stored: PutResult; readonly sinceMs: number } | undefined;
  #looks = 0;

  /** `wait`: how long a wait of so many milliseconds really takes. */
  constructor(wait: (ms: number) => number) {
    this.#wait = wait;
  }

  /** A history goes on that another process has written to: what is stored first is the one to watch. */
  expect(): void {
    this.#isExpected = true;
  }

  stored(key: string, stored: PutResult): void {
    if (!this.#isExpected) return;
    this.#isExpected = false;
    this.#watched = { key, stored, sinceMs: performance.now() };
    this.#looks = 0;
  }

  /** What a process has begun itself is under no name that another one's request could have. */
  end(): void {
    this.#isExpected = false;
    this.#watched = undefined;
  }

  /** Milliseconds until the next look; undefined: there is nothing to look at. */
  get dueInMs(): number | undefined {
    const after = LOOKS_MS[this.#looks];
    if (this.#watched === undefined || after === undefined) return undefined;
    return Math.max(0, this.#watched.sinceMs + this.#wait(after) - performance.now());
  }

  /** Throws `ContinuityLost` where another object lies there now. One listing. */
  async look(client: ReplicaClient, signal: AbortSignal): Promise<void> {
    const watched = this.#watched;
    if (watched === undefined) return;
    for await (const { key, size } of client.list(watched.key, { signal })) {
      // One more frame makes the stored form longer, however well it is compressed. Not there: retention has deleted it.
      if (key !== watched.key || size === watched.stored.size) continue;
      this.end();
      throw new ContinuityLost(`${key} was replaced by what another process had under way`);
    }
    this.#looks += 1;
  }
}

// Counts the places that this process reaches, and kills it at the one that it was told.
import type { Counts, Phase, Point } from "../point.ts";

export class KillSwitch {
  readonly #point: Point | undefined;
  /** Killed at the same moment: the application. */
  readonly #companion: number | undefined;
  readonly #counts: Record<string, number> = {};
  phase: Phase = "start";

  constructor(point: Point | undefined, companion: number | undefined) {
    this.#point = point;
    this.#companion = companion;
  }

  get counts(): Counts {
    return this.#counts;
  }

  /** Counts one more; does not return where that is the point. */
  reach(at: string): void {
    const name = `${this.phase}/${at}`;
    const occurrence = (this.#counts[name] ?? 0) + 1;
    this.#counts[name] = occurrence;
    const point = this.#point;
    if (point === undefined || point.at !== at || point.occurrence !== occurrence || point.phase !== this.phase) return;
    if (this.#companion !== undefined) process.kill(this.#companion, "SIGKILL");
    process.kill(process.pid, "SIGKILL");
    // The signal is on its way to the other threads; nothing may be done meanwhile.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }

  /** Whether there is a point before the end that was not reached yet. */
  get isWaiting(): boolean {
    return this.#point !== undefined && this.#point.phase !== "stop";
  }

  /** Whether the next time that `at` is reached is the last one. */
  isNext(at: string): boolean {
    const point = this.#point;
    const next = (this.#counts[`${this.phase}/${at}`] ?? 0) + 1;
    return point?.at === at && point.occurrence === next && point.phase === this.phase;
  }
}

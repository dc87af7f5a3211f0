// The time of a schedule: it stands still while the one that is tried is not there, and goes slowly while it starts, so that a
// busy machine does not let the schedule pass without it.
import { setTimeout as sleep } from "node:timers/promises";

const TICK_MS = 10;
/** A tick of a busy machine counts no more than this. */
const LONGEST_TICK_MS = 25;

export class ScheduleClock {
  readonly #speed: () => number;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #ms = 0;
  #waiting: { readonly atMs: number; readonly resolve: () => void }[] = [];

  /** `speed`: from 0, it stands, to 1, it goes as the clock on the wall. */
  constructor(speed: () => number) {
    this.#speed = speed;
    this.#running = this.#run();
  }

  get ms(): number {
    return this.#ms;
  }

  /** Resolves when the schedule is there. */
  async until(atMs: number): Promise<void> {
    if (this.#ms >= atMs) return;
    await new Promise<void>((resolve) => this.#waiting.push({ atMs, resolve }));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let last = performance.now(); !signal.aborted;) {
      await sleep(TICK_MS, undefined, { signal }).catch(() => {});
      const now = performance.now();
      this.#ms += Math.min(now - last, LONGEST_TICK_MS) * this.#speed();
      last = now;
      const due = this.#waiting.filter(({ atMs }) => atMs <= this.#ms);
      this.#waiting = this.#waiting.filter(({ atMs }) => atMs > this.#ms);
      for (const { resolve } of due) resolve();
    }
  }
}

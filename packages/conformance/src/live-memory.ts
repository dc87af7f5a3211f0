// How much memory is alive: what a garbage collection leaves. Process-wide, so run such a case alone.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collector: (() => void) | undefined | null = null;

/** Whether garbage can be collected on demand in this runtime. */
export function canCollect(): boolean {
  return garbageCollector() !== undefined;
}

function garbageCollector(): (() => void) | undefined {
  if (collector !== null) return collector;
  try {
    setFlagsFromString("--expose-gc");
    const found: unknown = runInNewContext("gc");
    collector = typeof found === "function" ? (found as () => void) : undefined;
  } catch {
    collector = undefined;
  }
  return collector;
}

/** The largest growth of live memory since it was begun. A measurement collects garbage: every few MiB is enough. */
export class LiveMemory {
  growth = 0;
  readonly #start: number;

  constructor(startBytes: number) {
    this.#start = startBytes;
  }

  /** Begins when the garbage of what ran before is gone: buffers are freed some time after they were collected. */
  static async begin(): Promise<LiveMemory> {
    let lowest = liveBytes();
    for (let calm = 0; calm < 3; calm += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const now = liveBytes();
      if (now < lowest - (1 << 20)) calm = -1;
      lowest = Math.min(lowest, now);
    }
    return new LiveMemory(lowest);
  }

  measure(): void {
    this.growth = Math.max(this.growth, liveBytes() - this.#start);
  }
}

function liveBytes(): number {
  garbageCollector()?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

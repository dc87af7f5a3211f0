// What a lease takes from the process and the host it runs in. Tests put a made-up one in its place.
import os from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { isDead, type Owner, thisOwner } from "./owner.ts";

export interface LeaseHost {
  readonly owner: Owner;
  /** Milliseconds of a clock that never goes back, and goes on while the host sleeps. */
  now(): number;
  /** Resolves after the time given; rejects when the signal fires. `idle`: keeps no process alive. */
  sleep(ms: number, signal: AbortSignal, idle?: "idle"): Promise<void>;
  /** Fires after the time given. */
  timeout(ms: number): AbortSignal;
  /** Calls back after the time given, unless what comes back is called before. Keeps no process alive. */
  after(ms: number, call: () => void): () => void;
  isDead(owner: Owner): boolean;
}

/** The kernel tells the time since the boot in hundredths of a second. */
const UPTIME_GRAIN_MS = 20;

/** This process. */
export function thisHost(): LeaseHost {
  const began = { monotonic: performance.now(), uptime: os.uptime() * 1000 };
  return {
    owner: thisOwner(),
    // The monotonic clock stands still while a host is suspended; the time since the boot does not.
    now: () => Math.max(performance.now() - began.monotonic, os.uptime() * 1000 - began.uptime - UPTIME_GRAIN_MS),
    sleep: (ms, signal, idle) => wait(ms, undefined, { signal, ref: idle === undefined }),
    timeout: (ms) => AbortSignal.timeout(ms),
    after: (ms, call) => {
      const timer = setTimeout(call, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    isDead,
  };
}

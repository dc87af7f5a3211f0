// How many handles this process holds: file descriptors where the system lists them, and what keeps the loop alive.
import { readdirSync } from "node:fs";

/** Descriptors (Linux) plus timers, sockets and the like. Process-wide. */
export function openHandles(): number {
  let descriptors = 0;
  try {
    descriptors = readdirSync("/proc/self/fd").length;
  } catch {
    // Not Linux: sockets and timers are counted all the same.
  }
  return descriptors + process.getActiveResourcesInfo().length;
}

/** Whether the count comes down to at most `tolerated` above `before` in the time given: sockets close in their own time. */
export async function shrinksBack(before: number, tolerated: number, withinMs: number): Promise<boolean> {
  const tick = 20;
  for (let waited = 0; ; waited += tick) {
    if (openHandles() - before <= tolerated) return true;
    if (waited >= withinMs) return false;
    await new Promise((resolve) => setTimeout(resolve, tick));
  }
}

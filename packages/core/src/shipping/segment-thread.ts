// The one thread of this process that prepares segments: started for a long backlog, ended when none was asked for in a while.
import { Worker } from "node:worker_threads";
import type { SegmentAnswer, SegmentRequest } from "./segment-worker.ts";

/** Starting it takes some 40 ms, and it holds some 20 MB. */
const IDLE_MS = 5000;

let thread: Worker | undefined;
const waiting: ((answer: SegmentAnswer) => void)[] = [];
let idle: NodeJS.Timeout | undefined;

/** Databases take their turns. `undefined` also where the thread cannot be had: nothing depends on it. */
export async function prepareByThread(request: SegmentRequest): Promise<SegmentAnswer> {
  clearTimeout(idle);
  let running: Worker;
  try {
    running = thread ??= started();
  } catch {
    return undefined;
  }
  return new Promise((resolve) => {
    waiting.push(resolve);
    // Whoever waits must not find his process ended for want of anything to do.
    running.ref();
    running.postMessage(request);
  });
}

function started(): Worker {
  const file = import.meta.url.endsWith(".ts") ? "./segment-worker.ts" : "./segment-worker.js";
  const worker = new Worker(new URL(file, import.meta.url));
  // Answers come in the order of the questions.
  worker.on("message", (answer: SegmentAnswer) => {
    waiting.shift()?.(answer);
    if (waiting.length > 0) return;
    worker.unref();
    idle = setTimeout(() => void worker.terminate(), IDLE_MS).unref();
  });
  // Its end follows.
  worker.on("error", () => {});
  worker.on("exit", () => {
    thread = undefined;
    for (const resolve of waiting.splice(0)) resolve(undefined);
  });
  return worker;
}

// Gives memory back after a burst. V8 keeps what a start or a snapshot has left behind until it needs the room; a process
// that then mostly rests would keep it for good (150 MB over 1,000 databases).
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After the last database of a burst has come to rest. */
const AFTER_MS = 2000;
const AT_MOST_EVERY_MS = 60_000;
/** Below this a collection costs more than it gives. */
const WORTH_BYTES = 32 << 20;

let timer: NodeJS.Timeout | undefined;
let collect: (() => void) | undefined;
let lastMs = Number.NEGATIVE_INFINITY;

/** To be called whenever a database comes to rest. A collection takes up to 100 ms, at most once a minute. */
export function collectSoon(): void {
  if (performance.now() - lastMs < AT_MOST_EVERY_MS) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const { heapTotal, heapUsed, external } = process.memoryUsage();
    if (heapTotal - heapUsed / 2 + external < WORTH_BYTES) return;
    lastMs = performance.now();
    collect ??= exposed();
    collect();
  }, AFTER_MS);
  timer.unref();
}

function exposed(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

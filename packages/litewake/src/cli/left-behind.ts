// The other processes of a container, for its first one: when that ends, the kernel kills them all.
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 50;

/** Resolves when no other process of this PID namespace runs any more, or the signal fires. Linux; elsewhere at once. */
export async function othersEnded(signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await othersRun())) await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
}

async function othersRun(): Promise<boolean> {
  const names = await readdir("/proc").catch(() => []);
  for (const name of names) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid || name === "1") continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // The state stands behind the command's name, which may hold anything but ends with the last bracket.
    const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
    if (state !== "" && state !== "Z" && state !== "X") return true;
  }
  return false;
}

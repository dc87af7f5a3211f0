// Names under which a restore writes, and what restores that were killed have left under them: one that is killed at each
// boot must not fill the disk.
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import path from "node:path";

/** Of this process, which may restore to several outputs, and to one twice. */
const ours = new Set<string>();

/** A name beside the output that says whose it is; also the start of others that go with it. */
export function temporaryName(output: string): string {
  const name = `${output}.litewake-${process.pid}-${randomBytes(4).toString("hex")}`;
  ours.add(path.basename(name));
  return name;
}

/** Removes what dead processes have left beside the output. That a folder cannot be read is no failure of this. */
export async function removeLeftBehind(output: string): Promise<void> {
  const folder = path.dirname(output);
  const start = `${path.basename(output)}.litewake-`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start)) continue;
    const [, own, pid] = /^((\d+)-[0-9a-f]{8})(\.spool)?\.tmp$/.exec(name.slice(start.length)) ?? [];
    if (pid === undefined || ours.has(`${start}${own}`) || isAnother(Number(pid))) continue;
    await rm(path.join(folder, name), { force: true }).catch(() => {});
  }
}

/** Whether another process of this number is alive. Our own number on a name that is not ours is of a life before: a container's is mostly 1. */
function isAnother(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

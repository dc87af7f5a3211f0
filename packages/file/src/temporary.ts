// Names of objects that are still being written, and what dead processes left of them.
import { randomBytes } from "node:crypto";
import { opendir, stat, unlink } from "node:fs/promises";
import path from "node:path";

/** No name of a replica looks like this, and no two processes or threads make the same one. */
const pattern = /^\..*\.([0-9]+)-([0-9a-f]{16})-[0-9a-z]+\.tmp$/su;
/** A name has at most 255 bytes in common file systems; so many characters of the object's own name are kept. */
const KEPT_CHARACTERS = 48;
/** No byte for so long: whoever wrote it is gone. */
const STALE_MS = 3_600_000;

const token = randomBytes(8).toString("hex");
let made = 0;

/** A path beside `target`, in the same folder, for its bytes until they are whole. */
export function temporaryFor(target: string): string {
  made += 1;
  const name = path.basename(target).slice(0, KEPT_CHARACTERS);
  return path.join(path.dirname(target), `.${name}.${process.pid}-${token}-${made.toString(36)}.tmp`);
}

/** The path of the claim on `target` where there are no hard links. Longer names may share one, which only costs a wait. */
export function claimFor(target: string): string {
  const name = path.basename(target).slice(0, KEPT_CHARACTERS);
  return path.join(path.dirname(target), `.${name}.0-0000000000000000-claim.tmp`);
}

/** Whether a file's name is one of an object that is not whole yet. */
export function isTemporary(name: string): boolean {
  return name.startsWith(".") && pattern.test(name);
}

/** Removes what dead processes left in a folder. `nowMs`: the file system's own clock. Failures are left to the next one. */
export async function removeStale(folder: string, nowMs: number): Promise<void> {
  try {
    for await (const { name } of await opendir(folder, { bufferSize: 1024 })) {
      if (!isTemporary(name) || isOwnerAlive(name)) continue;
      const file = path.join(folder, name);
      const { mtimeMs } = await stat(file);
      if (nowMs - mtimeMs > STALE_MS) await unlink(file);
    }
  } catch {
    // The folder may be pruned, or another process cleans it at the same time.
  }
}

function isOwnerAlive(name: string): boolean {
  const match = pattern.exec(name);
  const pid = Number(match?.[1]);
  // In a container each life of the program has the same process id: the token tells them apart.
  if (pid === process.pid) return match?.[2] === token;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

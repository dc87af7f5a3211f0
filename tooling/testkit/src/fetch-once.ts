// Something that takes long to fetch or build is made once and kept, also when several test processes want it together.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFolder } from "./repository.ts";

const GIVE_UP_MS = 15 * 60_000;

/**
 * The path of `.cache/<name>`, made by `make(scratchFolder)`, which returns the path of the finished file inside the
 * scratch folder. It appears under its name only when complete. Others that ask meanwhile wait.
 */
export async function fetchOnce(name: string, make: (scratch: string) => Promise<string>): Promise<string> {
  const place = path.join(cacheFolder, name);
  const lock = `${place}.lock`;
  fs.mkdirSync(path.dirname(place), { recursive: true });
  const deadline = Date.now() + GIVE_UP_MS;
  while (!fs.existsSync(place)) {
    if (!takeLock(lock)) {
      if (Date.now() > deadline) throw new Error(`waited 15 minutes for ${place}: remove ${lock} if nobody makes it`);
      await sleep(100);
      continue;
    }
    try {
      if (fs.existsSync(place)) break;
      const scratch = path.join(lock, "scratch");
      fs.mkdirSync(scratch);
      const made = await make(scratch);
      fs.chmodSync(made, 0o755);
      fs.renameSync(made, place);
    } finally {
      // Go's module cache is read-only in places; nothing of it lies here, so a plain removal is enough.
      fs.rmSync(lock, { recursive: true, force: true });
    }
  }
  return place;
}

/** A lock is a folder with its owner's process id; one whose owner is gone is taken over. */
function takeLock(lock: string): boolean {
  try {
    fs.mkdirSync(lock);
    fs.writeFileSync(path.join(lock, "owner"), String(process.pid));
    return true;
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
  if (ownerIsGone(lock)) fs.rmSync(lock, { recursive: true, force: true });
  return false;
}

function ownerIsGone(lock: string): boolean {
  try {
    const owner = Number(fs.readFileSync(path.join(lock, "owner"), "utf8"));
    if (owner > 0) process.kill(owner, 0);
    return false;
  } catch (error) {
    // No owner written: it is a moment old, or its process died in that moment.
    if (isCode(error, "ENOENT"))
      return (fs.statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) < Date.now() - 10_000;
    return isCode(error, "ESRCH");
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

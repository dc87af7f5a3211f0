// The moment in which a written object gets a name that must be free: link, or a claim where there are no links.
import { type link, open, rename, stat, unlink } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { ReplicaError } from "@litewake/core/backend";
import { errnoOf } from "./errors.ts";
import { claimFor, temporaryFor } from "./temporary.ts";

/** Answers of `link` where the file system has no hard links (FAT, some FUSE and network mounts). */
const noLinks: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);
/** A claim is held for two system calls; one this old belongs to a process that died between them. */
const CLAIM_STALE_MS = 60_000;
const CLAIM_POLL_MS = 10;
const CLAIM_POLLS = 1000;

/** Gives the temporary file its name if nobody has it; `Conflict` otherwise. The temporary name is gone on success. */
export async function publishIfAbsent(
  temporary: string,
  target: string,
  key: string,
  makeLink: typeof link,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await makeLink(temporary, target);
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (noLinks.has(errno)) return publishClaimed(temporary, target, key, signal);
    if (errno !== "EEXIST") throw error;
    // NFS repeats a request whose answer was lost, and then finds its own link.
    if ((await stat(temporary)).nlink < 2) throw conflict(key, error);
  }
  await unlink(temporary);
}

/**
 * Without hard links: whoever creates the claim file (O_EXCL) may look and rename. Exactly one wins, with one exception:
 * two processes that in the same instant break the claim of a third one that died.
 */
async function publishClaimed(
  temporary: string,
  target: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const claim = claimFor(target);
  for (let polls = 0; !(await tryClaim(claim)); polls += 1) {
    if (await exists(target)) throw conflict(key);
    if (polls === CLAIM_POLLS) {
      const reason = `another process holds ${claim}; one that died is overruled after ${CLAIM_STALE_MS / 1000} s`;
      throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason });
    }
    await breakStaleClaim(claim, temporary);
    await wait(CLAIM_POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
  try {
    if (await exists(target)) throw conflict(key);
    await rename(temporary, target);
  } finally {
    await unlink(claim);
  }
}

async function tryClaim(claim: string): Promise<boolean> {
  try {
    await (await open(claim, "wx", 0o600)).close();
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

// Both times are the file system's own. Renaming to a name of one's own lets only one process remove a given claim.
async function breakStaleClaim(claim: string, temporary: string): Promise<void> {
  try {
    const [held, ours] = await Promise.all([stat(claim), stat(temporary)]);
    if (ours.mtimeMs - held.mtimeMs < CLAIM_STALE_MS) return;
    const removed = temporaryFor(claim);
    await rename(claim, removed);
    await unlink(removed);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** `Conflict` if somebody has the name already; that nobody has proves nothing. */
export async function refuseExisting(target: string, key: string): Promise<void> {
  if (await exists(target)) throw conflict(key);
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
    throw error;
  }
}

function conflict(key: string, cause?: unknown): ReplicaError {
  return new ReplicaError({ code: "Conflict", operation: "put", key, reason: "the object is there already", cause });
}

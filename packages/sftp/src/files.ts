// Steps on the server's files that take several requests, and which of their failures are none.
import path from "node:path";
import { STATUS, statusOf } from "./errors.ts";
import type { Channel } from "./session.ts";
import { isTemporary } from "./temporary.ts";

/** A temporary file that got no byte for so long, by the server's clock: whoever wrote it is gone. */
const STALE_MS = 3_600_000;

/** Puts the temporary file in the target's place, at once where the server can. */
export async function replace(channel: Channel, temporary: string, target: string): Promise<void> {
  try {
    await channel.posixRename(temporary, target);
  } catch (error) {
    if (statusOf(error) !== STATUS.OP_UNSUPPORTED) throw error;
    // A server without the extension refuses a target that is there: for a moment neither is.
    await channel.unlink(target).catch(ignoreAbsent);
    await channel.rename(temporary, target);
  }
}

/** Whether anything has this name. */
export async function exists(channel: Channel, file: string): Promise<boolean> {
  try {
    await channel.stat(file);
    return true;
  } catch (error) {
    ignoreAbsent(error);
    return false;
  }
}

/** Makes a folder and those it lies in. */
export async function makeFolder(channel: Channel, folder: string): Promise<void> {
  try {
    await channel.mkdir(folder);
  } catch (error) {
    if (statusOf(error) === STATUS.NO_SUCH_FILE && folder !== "/" && folder !== ".") {
      await makeFolder(channel, path.posix.dirname(folder));
      await channel.mkdir(folder).catch(ignoreThere);
    } else ignoreThere(error);
  }
}

/** Whether the object was there. A folder is no object. */
export async function remove(channel: Channel, file: string): Promise<boolean> {
  try {
    await channel.unlink(file);
    return true;
  } catch (error) {
    if (statusOf(error) === STATUS.NO_SUCH_FILE) return false;
    // Servers refuse to unlink a folder with one status or another; a broken connection has none.
    if (statusOf(error) !== undefined && (await isFolder(channel, file))) return false;
    throw error;
  }
}

async function isFolder(channel: Channel, file: string): Promise<boolean> {
  try {
    return (await channel.stat(file)).isDirectory();
  } catch {
    return false;
  }
}

function ignoreAbsent(error: unknown): void {
  if (statusOf(error) !== STATUS.NO_SUCH_FILE) throw error;
}

// Somebody else made it meanwhile, or removed what it lies in: the caller's own next step shows.
function ignoreThere(error: unknown): void {
  const status = statusOf(error);
  if (status !== STATUS.FAILURE && status !== STATUS.NO_SUCH_FILE) throw error;
}

/** Throws on what is another failure than that the server cannot do it. */
export function ignoreUnsupported(error: unknown): void {
  if (statusOf(error) !== STATUS.OP_UNSUPPORTED) throw error;
}

/** Removes what dead writers left in a folder. */
export async function removeStale(channel: Channel, folder: string, nowMs: number): Promise<void> {
  for (const { filename, attrs } of await channel.readdir(folder)) {
    if (isTemporary(filename) && attrs.mtime * 1000 < nowMs - STALE_MS) await channel.unlink(`${folder}/${filename}`);
  }
}

/** Removes folders that are empty, from one of them up to the root, which stays. */
export async function prune(channel: Channel, from: string, root: string): Promise<void> {
  for (let folder = from; folder.length > root.length; folder = path.posix.dirname(folder)) {
    try {
      await channel.rmdir(folder);
    } catch (error) {
      if (statusOf(error) !== STATUS.NO_SUCH_FILE) return;
    }
  }
}

// Walks the folders of a replica in the order of keys.
import type { Dirent } from "node:fs";
import { opendir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { compareKeys, keyProblem, type ObjectInfo, throwIfAborted } from "@litewake/core/backend";
import { errnoOf, meansAbsent } from "./errors.ts";
import { isTemporary } from "./temporary.ts";

/** Files asked for size and time at once, ahead of the reader. */
const STATS_AHEAD = 64;

interface Walk {
  readonly root: string;
  readonly prefix: string;
  readonly signal: AbortSignal | undefined;
}

/** What one folder holds: names in key order, those of folders with a slash at their end, and where links to folders lead. */
interface FolderNames {
  readonly names: readonly string[];
  readonly links: ReadonlyMap<string, string>;
}

/**
 * The objects under the root whose keys start with `prefix`, in key order. Holds the names, not the sizes, of the folders
 * it is in. Files that vanish meanwhile are left out. Links to folders are followed, except where they lead in a circle.
 */
export async function* walk(root: string, prefix: string, signal: AbortSignal | undefined): AsyncGenerator<ObjectInfo> {
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (folder !== "" && keyProblem(folder.slice(0, -1)) !== undefined) return;
  yield* walkFolder({ root, prefix, signal }, folder, []);
}

async function* walkFolder(walk: Walk, folder: string, entered: readonly string[]): AsyncGenerator<ObjectInfo> {
  const { names, links } = await namesIn(walk, folder);
  for (let at = 0; at < names.length; at += STATS_AHEAD) {
    const batch = names.slice(at, at + STATS_AHEAD);
    const objects = await Promise.all(
      batch.map(async (name) => (name.endsWith("/") ? undefined : objectAt(walk, folder + name))),
    );
    for (const [n, name] of batch.entries()) {
      throwIfAborted(walk.signal, "list", walk.prefix);
      const object = objects[n];
      if (object !== undefined) yield object;
      if (!name.endsWith("/")) continue;
      const target = links.get(name);
      if (target === undefined) yield* walkFolder(walk, folder + name, entered);
      else if (!(await isCircle(walk, folder, target, entered)))
        yield* walkFolder(walk, folder + name, [...entered, target]);
    }
  }
}

async function namesIn(walk: Walk, folder: string): Promise<FolderNames> {
  const start = walk.prefix.slice(folder.length);
  const names: string[] = [];
  const links = new Map<string, string>();
  let isPlain = true;
  try {
    for await (const entry of await opendir(path.join(walk.root, folder), { bufferSize: 1024 })) {
      throwIfAborted(walk.signal, "list", walk.prefix);
      const { name } = entry;
      if (!name.startsWith(start) || isTemporary(name)) continue;
      isPlain &&= !/[\ud800-\uffff]/.test(name);
      if (entry.isFile()) names.push(name);
      else if (entry.isDirectory()) names.push(`${name}/`);
      else await addLink(entry, path.join(walk.root, folder, name), names, links);
    }
  } catch (error) {
    const isMissing = folder === "" ? errnoOf(error) === "ENOENT" : meansAbsent(error);
    if (!isMissing) throw error;
  }
  // The order of JavaScript's strings, which sorts faster, is that of their bytes up to U+D7FF.
  return { names: isPlain ? names.sort() : names.sort(compareKeys), links };
}

// Links, and entries whose kind the file system does not tell in a listing.
async function addLink(entry: Dirent, file: string, names: string[], links: Map<string, string>): Promise<void> {
  try {
    const found = await stat(file);
    if (found.isFile()) names.push(entry.name);
    if (!found.isDirectory()) return;
    names.push(`${entry.name}/`);
    if (entry.isSymbolicLink()) links.set(`${entry.name}/`, await realpath(file));
  } catch (error) {
    if (!meansAbsent(error) && errnoOf(error) !== "ELOOP") throw error;
  }
}

async function isCircle(walk: Walk, folder: string, target: string, entered: readonly string[]): Promise<boolean> {
  const here = await realpath(path.join(walk.root, folder));
  return entered.includes(target) || here === target || here.startsWith(target + path.sep);
}

async function objectAt(walk: Walk, key: string): Promise<ObjectInfo | undefined> {
  try {
    const { size, mtime } = await stat(path.join(walk.root, key));
    return { key, size, modifiedAt: mtime };
  } catch (error) {
    if (meansAbsent(error)) return undefined;
    throw error;
  }
}

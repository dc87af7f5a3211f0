// Walks the folders of a replica on the server, in the order of keys.
import { compareKeys, keyProblem, type ObjectInfo, throwIfAborted } from "@litewake/core/backend";
import { STATUS, statusOf } from "./errors.ts";
import type { Channel } from "./session.ts";
import { isTemporary } from "./temporary.ts";

interface Walk {
  readonly channel: Channel;
  readonly root: string;
  readonly prefix: string;
  readonly signal: AbortSignal | undefined;
}

interface Entry {
  /** With a slash at its end if it is a folder, which is what its objects' keys are sorted by. */
  readonly name: string;
  readonly size: number;
  readonly modifiedAt: Date;
}

/**
 * The objects under the root whose keys start with `prefix`, in key order. Holds the entries of the folders it is in. A circle
 * of links ends where a key would become too long.
 */
export async function* walk(
  channel: Channel,
  root: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectInfo> {
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (folder !== "" && keyProblem(folder.slice(0, -1)) !== undefined) return;
  yield* walkFolder({ channel, root, prefix, signal }, folder);
}

async function* walkFolder(walk: Walk, folder: string): AsyncGenerator<ObjectInfo> {
  for (const { name, size, modifiedAt } of await entriesOf(walk, folder)) {
    throwIfAborted(walk.signal, "list", walk.prefix);
    if (name.endsWith("/")) yield* walkFolder(walk, folder + name);
    else yield { key: folder + name, size, modifiedAt };
  }
}

async function entriesOf({ channel, root, prefix, signal }: Walk, folder: string): Promise<readonly Entry[]> {
  throwIfAborted(signal, "list", prefix);
  const start = prefix.slice(folder.length);
  const place = `${root}/${folder}`.replace(/\/$/, "");
  let found;
  try {
    found = await channel.readdir(place);
  } catch (error) {
    if (statusOf(error) === STATUS.NO_SUCH_FILE) return [];
    throw error;
  }
  const entries: Entry[] = [];
  for (const { filename, attrs } of found) {
    if (filename === "." || filename === ".." || !filename.startsWith(start) || isTemporary(filename)) continue;
    // A name that is no valid UTF-8 comes with replacement characters and could not be asked for.
    if (keyProblem(folder + filename) !== undefined || filename.includes("\ufffd")) continue;
    const real = attrs.isSymbolicLink() ? await channel.stat(`${place}/${filename}`).catch(() => undefined) : attrs;
    if (real?.isDirectory() === true) entries.push({ name: `${filename}/`, size: 0, modifiedAt: new Date(0) });
    else if (real?.isFile() === true)
      entries.push({ name: filename, size: real.size, modifiedAt: new Date(real.mtime * 1000) });
  }
  return entries.sort((a, b) => compareKeys(a.name, b.name));
}

// The replica's folders: made when they are needed, made durable, and removed when they are empty.
import { mkdir, open, rmdir } from "node:fs/promises";
import path from "node:path";
import { errnoOf } from "./errors.ts";
import { removeStale } from "./temporary.ts";

/** Answers to fsync of a folder where a file system knows none (network mounts, FUSE, Windows). */
const noFolderSync: ReadonlySet<string> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EPERM", "EISDIR", "ENOENT"]);
const MAX_REMEMBERED = 4096;

interface RunningSync {
  readonly running: Promise<void>;
  next: Promise<void> | undefined;
}

export class Folders {
  readonly root: string;
  readonly #durable = new Map<string, Promise<void>>();
  readonly #syncs = new Map<string, RunningSync>();
  readonly #cleaned = new Set<string>();
  readonly #cleaning = new Set<Promise<void>>();

  constructor(root: string) {
    this.root = root;
  }

  /** Makes a folder below the root, with mode 0700, and its name durable; remembers that it did. */
  async ensure(folder: string): Promise<void> {
    let done = this.#durable.get(folder);
    if (done === undefined) {
      if (this.#durable.size >= MAX_REMEMBERED) this.#durable.clear();
      done = this.#make(folder);
      this.#durable.set(folder, done);
      done.catch(() => this.forget(folder));
    }
    await done;
  }

  /** The folder may be gone: the next `ensure` looks. */
  forget(folder: string): void {
    this.#durable.delete(folder);
  }

  async #make(folder: string): Promise<void> {
    const topmost = await mkdir(folder, { recursive: true, mode: 0o700 });
    // Also folders found there are synced, once: whoever made them may have died before doing so.
    const top = topmost !== undefined && topmost.length < this.root.length ? topmost : this.root;
    for (let at = folder; at.length > top.length; at = path.dirname(at)) await this.sync(path.dirname(at));
    if (topmost !== undefined && topmost.length <= this.root.length) await this.#syncForeign(path.dirname(top));
  }

  // The folder above the root is not ours: it may be one that we can write but not read.
  async #syncForeign(folder: string): Promise<void> {
    try {
      await this.sync(folder);
    } catch (error) {
      if (errnoOf(error) !== "EACCES") throw error;
    }
  }

  /** Makes the names in a folder durable. Calls that come while one is running share the next one. */
  sync(folder: string): Promise<void> {
    const current = this.#syncs.get(folder);
    if (current === undefined) return this.#start(folder);
    // What is running may have begun before the caller's change.
    current.next ??= current.running.then(
      () => this.#start(folder),
      () => this.#start(folder),
    );
    return current.next;
  }

  #start(folder: string): Promise<void> {
    const running = syncFolder(folder).finally(() => {
      if (entry.next === undefined) this.#syncs.delete(folder);
    });
    const entry: RunningSync = { running, next: undefined };
    this.#syncs.set(folder, entry);
    return running;
  }

  /** Removes the folder and those above it, below the root, as far as they are empty. */
  async prune(folder: string): Promise<void> {
    for (let at = folder; at.length > this.root.length; at = path.dirname(at)) {
      try {
        await rmdir(at);
      } catch {
        return;
      }
      this.forget(at);
    }
  }

  /** Removes, in the background and once per folder, what dead processes left in it. */
  clean(folder: string, nowMs: number): void {
    if (this.#cleaned.has(folder)) return;
    if (this.#cleaned.size >= MAX_REMEMBERED) this.#cleaned.clear();
    this.#cleaned.add(folder);
    const cleaning = removeStale(folder, nowMs).finally(() => this.#cleaning.delete(cleaning));
    this.#cleaning.add(cleaning);
  }

  /** Resolves when nothing runs in the background any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#cleaning);
  }
}

async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!noFolderSync.has(errnoOf(error) ?? "")) throw error;
  }
}

// One watch of a folder for all the databases in it that are waited for.
import fs from "node:fs";
import path from "node:path";

/** Somebody who waits for the first change of some files of the folder. */
export interface FolderListener {
  /** Of the files, in the folder. */
  readonly names: readonly string[];
  readonly fire: () => void;
}

/** So many events of files that nobody waits for, and the watch costs more than it is worth. */
const NOISE = 64;
/** So long the files are only looked at now and then. */
const PAUSE_MS = 200;

const watches = new Map<string, FolderWatch>();

/** Calls `fire` once, at the first change of one of the files or of the folder; what is answered takes that back. */
export function watchFiles(folder: string, listener: FolderListener): () => void {
  let watch = watches.get(folder);
  if (watch === undefined) {
    watch = new FolderWatch(folder);
    watches.set(folder, watch);
  }
  watch.add(listener);
  return () => watch.remove(listener);
}

/**
 * Open while somebody waits. A neighbour that is written to at full speed would keep it busy with events for nobody: then it
 * is closed for a while, and the files that are waited for are compared by their time stamps.
 */
class FolderWatch {
  readonly #folder: string;
  readonly #listeners = new Set<FolderListener>();
  readonly #byName = new Map<string, Set<FolderListener>>();
  #watcher: fs.FSWatcher | undefined;
  #noise = 0;
  #paused: { readonly timer: NodeJS.Timeout; readonly stamps: Map<FolderListener, string> } | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  add(listener: FolderListener): void {
    this.#listeners.add(listener);
    for (const name of listener.names) {
      const waiting = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, waiting.add(listener));
    }
    if (this.#paused !== undefined) this.#paused.stamps.set(listener, this.#stampOf(listener));
    else this.#open();
  }

  remove(listener: FolderListener): void {
    if (!this.#listeners.delete(listener)) return;
    for (const name of listener.names) {
      const waiting = this.#byName.get(name);
      waiting?.delete(listener);
      if (waiting?.size === 0) this.#byName.delete(name);
    }
    this.#paused?.stamps.delete(listener);
    if (this.#listeners.size === 0) this.#close();
  }

  #open(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = fs.watch(this.#folder, { persistent: true }, (_event, name) => this.#onEvent(name));
      this.#watcher.on("error", () => this.#fireAll());
    } catch {
      // No watch left (inotify's limit), or no folder: look now and then instead.
      this.#pause();
    }
  }

  #onEvent(name: string | null): void {
    if (name === null || name === path.basename(this.#folder)) return this.#fireAll();
    const waiting = this.#byName.get(name);
    if (waiting !== undefined) for (const listener of Array.from(waiting)) this.#fire(listener);
    else if (++this.#noise >= NOISE && this.#listeners.size > 0) this.#pause();
  }

  // The stamps are taken while the watch is still open, and it is open again before they are compared: no change is missed.
  #pause(): void {
    this.#noise = 0;
    if (this.#paused !== undefined) return;
    const stamps = new Map([...this.#listeners].map((listener) => [listener, this.#stampOf(listener)]));
    this.#paused = { stamps, timer: setTimeout(() => this.#goOn(stamps), PAUSE_MS) };
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #goOn(stamps: ReadonlyMap<FolderListener, string>): void {
    this.#paused = undefined;
    this.#open();
    for (const [listener, stamp] of stamps) {
      if (this.#listeners.has(listener) && this.#stampOf(listener) !== stamp) this.#fire(listener);
    }
  }

  #stampOf({ names }: FolderListener): string {
    let stamp = String(look(this.#folder)?.ino);
    for (const name of names) {
      const stat = look(path.join(this.#folder, name));
      stamp += stat === undefined ? "-" : `${stat.ino}:${stat.size}:${stat.mtimeMs};`;
    }
    return stamp;
  }

  #fire(listener: FolderListener): void {
    this.remove(listener);
    listener.fire();
  }

  #fireAll(): void {
    for (const listener of Array.from(this.#listeners)) this.#fire(listener);
  }

  #close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearTimeout(this.#paused?.timer);
    this.#paused = undefined;
    this.#noise = 0;
    watches.delete(this.#folder);
  }
}

/** What may not be looked at now is as good as absent: when it may be again, that is a change. */
function look(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

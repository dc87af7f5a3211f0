// Wakes a follower when the files of its database change, at no cost while nothing does.
import fs from "node:fs";
import path from "node:path";

/** File systems on which changes made by another host, or at all, raise no event (statfs f_type). */
const WITHOUT_EVENTS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x65735546, // FUSE
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x01021997, // 9p
  0x00c36400, // Ceph
  0x5346414f, // AFS
]);

/** How often a database on such a file system is looked at while it is idle. Milliseconds. */
const POLL_MS = 1000;

/**
 * One watch of the database's folder. It is closed at the first event and armed again only when its owner has found
 * nothing more to do: at full speed an open watch alone costs a quarter of a core.
 */
export class ChangeWatch {
  readonly #folder: string;
  readonly #names: ReadonlySet<string>;
  readonly #polled: boolean;
  #watcher: fs.FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(databasePath: string) {
    this.#folder = path.dirname(databasePath);
    const name = path.basename(databasePath);
    this.#names = new Set([name, `${name}-wal`, `${name}-journal`]);
    this.#polled = !hasEvents(this.#folder);
  }

  /** Calls `wake` once, at the first change of the database's files or of the folder itself. */
  arm(wake: () => void): void {
    if (this.#watcher !== undefined || this.#timer !== undefined) return;
    const fire = () => {
      this.disarm();
      wake();
    };
    if (this.#polled || !fs.existsSync(this.#folder)) {
      this.#timer = setTimeout(fire, POLL_MS);
      return;
    }
    try {
      this.#watcher = fs.watch(this.#folder, { persistent: true }, (_event, name) => {
        if (name === null || this.#names.has(name) || name === path.basename(this.#folder)) fire();
      });
      this.#watcher.on("error", fire);
    } catch {
      // No watch left (inotify's limit): look now and then instead.
      this.#timer = setTimeout(fire, POLL_MS);
    }
  }

  disarm(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function hasEvents(folder: string): boolean {
  try {
    return !WITHOUT_EVENTS.has(fs.statfsSync(folder).type);
  } catch {
    return true;
  }
}

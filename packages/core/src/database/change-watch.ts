// Wakes a follower when the files of its database change, at no cost while nothing does.
import fs from "node:fs";
import path from "node:path";
import { watchFiles } from "./folder-watch.ts";

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
 * Waits for the database's files to change. Armed only when its owner has found nothing more to do: at full speed a watch
 * alone costs a quarter of a core.
 */
export class ChangeWatch {
  readonly #path: string;
  #disarm: (() => void) | undefined;

  constructor(databasePath: string) {
    this.#path = databasePath;
  }

  /** Calls `wake` once, at the first change of the database's files or of a folder that the path leads through. */
  arm(wake: () => void): void {
    if (this.#disarm !== undefined) return;
    const fire = () => {
      this.disarm();
      wake();
    };
    const places = placesOf(this.#path);
    if (places.some(({ folder }) => !fs.existsSync(folder) || !hasEvents(folder))) {
      const timer = setTimeout(fire, POLL_MS);
      this.#disarm = () => clearTimeout(timer);
    } else {
      const stops = places.map(({ folder, names }) => watchFiles(folder, { names, fire }));
      this.#disarm = () => {
        for (const stop of stops) stop();
      };
    }
  }

  disarm(): void {
    this.#disarm?.();
    this.#disarm = undefined;
  }
}

/** The files to watch: by the path's name, and where that is a link, those that it leads to; there SQLite's own lie. */
function placesOf(file: string): { readonly folder: string; readonly names: readonly string[] }[] {
  return [...new Set([file, realPath(file)])].map((place) => {
    const name = path.basename(place);
    return { folder: path.dirname(place), names: [name, `${name}-wal`, `${name}-journal`] };
  });
}

function realPath(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return file;
  }
}

function hasEvents(folder: string): boolean {
  try {
    return !WITHOUT_EVENTS.has(fs.statfsSync(folder).type);
  } catch {
    return true;
  }
}

// Where a drill puts what it restores: a folder that goes away again, also after a kill, and that never fills the disk.
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { mkdir, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { LitewakeError } from "../errors.ts";

/** So much stays free, and a quarter of what is needed on top. */
const SPARE_BYTES = 64 << 20;

export interface ScratchPlace {
  readonly folder: string;
  /** Names the database and replica: what they have left behind is told from what others use. */
  readonly owner: string;
}

function prefixOf(owner: string): string {
  return `litewake-drill-${createHash("sha256").update(owner).digest("hex").slice(0, 16)}-`;
}

/** Removes what a killed process has left. Returns how much there was. */
export function sweepScratch({ folder, owner }: ScratchPlace): number {
  try {
    const left = fs.readdirSync(folder).filter((name) => name.startsWith(prefixOf(owner)));
    for (const name of left) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
    return left.length;
  } catch {
    // Not there, or not ours to look into: a drill will say so. Replication does not depend on it.
    return 0;
  }
}

/** A folder of its own, removed at the end. */
export class Scratch implements AsyncDisposable {
  readonly path: string;

  private constructor(folder: string) {
    this.path = folder;
  }

  /** Throws kind `database` where it cannot be made. */
  static async make({ folder, owner }: ScratchPlace): Promise<Scratch> {
    const place = path.join(folder, `${prefixOf(owner)}${randomBytes(4).toString("hex")}`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await mkdir(place, { mode: 0o700 });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new LitewakeError("database", `the drill has no place to restore to: ${why}`, {
        next: "set verify-path to a folder that can be written",
        cause,
      });
    }
    return new Scratch(place);
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Throws kind `database` where so many bytes more would leave the disk nearly full: the databases live on it as well. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const needed = bytes + Math.max(SPARE_BYTES, bytes / 4);
  if (free >= needed) return;
  throw new LitewakeError(
    "database",
    `${folder} has no room for a drill: ${mib(free)} are free, it needs ${mib(needed)}`,
    {
      next: "make room, or set verify-path to a folder on another disk",
    },
  );
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MiB`;
}

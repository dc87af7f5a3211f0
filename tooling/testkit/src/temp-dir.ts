// Folders for a test. They go when they are removed, or at the latest when the test process ends; LITEWAKE_KEEP_TEMP=1
// keeps them all, and says where they are.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { alreadyRemoved, removeAtEnd } from "./reaper.ts";

const MEMORY = "/dev/shm";

export interface TempDir extends Disposable {
  readonly path: string;
  /** A path inside. */
  join(...parts: string[]): string;
  /** Removes it now; a second call does nothing. */
  remove(): void;
}

function make(base: string, label: string): TempDir {
  const folder = fs.mkdtempSync(path.join(base, `litewake-${label}-`));
  const kept = process.env["LITEWAKE_KEEP_TEMP"] === "1";
  if (kept) process.stderr.write(`kept: ${folder}\n`);
  else removeAtEnd(folder);
  const remove = () => {
    if (kept) return;
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    alreadyRemoved(folder);
  };
  return { path: folder, join: (...parts) => path.join(folder, ...parts), remove, [Symbol.dispose]: remove };
}

/** A fresh folder on the disk that holds the system's temporary files. */
export function tempDir(label = "test"): TempDir {
  return make(os.tmpdir(), label);
}

/** A fresh folder in memory-backed space if that has `minBytes` free (and a tenth more), else on disk. */
export function memoryBackedDir(minBytes: number, label = "large"): TempDir {
  return make(roomInMemory() > minBytes * 1.1 ? MEMORY : os.tmpdir(), label);
}

function roomInMemory(): number {
  try {
    const { bavail, bsize } = fs.statfsSync(MEMORY);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

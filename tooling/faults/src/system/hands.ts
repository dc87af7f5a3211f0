// What other people do to the files and the database: fill disks, copy, swap, run statements.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

const CHUNKS = [1 << 20, 4096, 1];

/** Takes all the room that is left in a folder's file system; what is answered gives it back. */
export function fill(folder: string): () => void {
  const ballast = path.join(folder, ".ballast");
  const descriptor = fs.openSync(ballast, "a", 0o666);
  for (const size of CHUNKS) {
    const zeros = Buffer.alloc(size);
    try {
      for (;;) if (fs.writeSync(descriptor, zeros) < size) break;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }
  fs.closeSync(descriptor);
  return () => fs.rmSync(ballast, { force: true });
}

/** Runs statements as one more application would, with a connection of its own. Values of the last one's first row. */
export function sql(database: string, ...statements: readonly string[]): unknown[] {
  const db = new DatabaseSync(database, { timeout: 10_000 });
  try {
    return within(db, ...statements);
  } finally {
    db.close();
  }
}

export function within(db: DatabaseSync, ...statements: readonly string[]): unknown[] {
  let last: unknown[] = [];
  for (const statement of statements) last = Object.values(db.prepare(statement).get() ?? {});
  return last;
}

const SIDES = ["", "-wal", "-shm"];

/** Copies the files of a database as they are, by another process: an open and close here could drop locks. */
export function copyFiles(from: string, to: string, sides: readonly string[] = ["", "-wal"]): void {
  for (const side of sides) {
    if (fs.existsSync(`${from}${side}`)) execFileSync("cp", ["-p", "--", `${from}${side}`, `${to}${side}`]);
  }
}

export function removeFiles(database: string, sides: readonly string[] = SIDES): void {
  for (const side of sides) fs.rmSync(`${database}${side}`, { force: true });
}

/** Everything below a folder belongs to that user from now on. */
export function giveTo(uid: number, ...folders: readonly string[]): void {
  execFileSync("chown", ["-R", `${uid}:${uid}`, "--", ...folders]);
}

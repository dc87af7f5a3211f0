// Looks into a database without disturbing whoever has it open. Opening and closing a file here would drop the locks that
// this process's SQLite holds on it, so what somebody may have open is copied by another process first.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { memoryBackedDir } from "./temp-dir.ts";

/**
 * Runs `look` on the database's content as committed in the file and its WAL. A file without side files is opened in
 * place, as one that nobody changes; else a private copy is. While a writer is at work a copy may be torn.
 */
export function lookInto<T>(file: string, look: (db: DatabaseSync) => T): T {
  if (!fs.existsSync(file)) throw new Error(`${file} is not there`);
  const isAlone = !fs.existsSync(`${file}-shm`) && size(`${file}-wal`) === 0;
  if (isAlone) {
    const url = pathToFileURL(file);
    url.searchParams.set("immutable", "1");
    return opened(url, look);
  }
  const folder = memoryBackedDir(size(file) + size(`${file}-wal`), "copy");
  try {
    const copy = folder.join("copy.db");
    // The file first: what a checkpoint moves into it meanwhile is still in the WAL that is copied after it.
    execFileSync("cp", ["--", file, copy]);
    if (size(`${file}-wal`) > 0) execFileSync("cp", ["--", `${file}-wal`, `${copy}-wal`]);
    return opened(copy, look);
  } finally {
    folder.remove();
  }
}

function opened<T>(place: string | URL, look: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(place);
  try {
    return look(db);
  } finally {
    db.close();
  }
}

function size(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

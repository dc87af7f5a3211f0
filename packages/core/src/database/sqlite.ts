// SQLite as Litewake uses it: which versions are safe, how its errors are told apart, and connections that never wait.
import { DatabaseSync } from "node:sqlite";
import { LitewakeError } from "../errors.ts";

/**
 * Below this, a write at the same time as a checkpoint from another connection can corrupt the database (the WAL-reset
 * bug, 3.7.0 to 3.51.2); checkpointing beside writers is what a shipper does.
 */
export const MINIMUM_SQLITE = "3.51.3";

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_PROTOCOL = 15;
const SQLITE_NOTADB = 26;

/** Whether dotted version `a` is at least `b`. */
export function isAtLeast(a: string, b: string): boolean {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < right.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

let checked = false;

/** Throws one clear line when the SQLite inside this Node is too old to checkpoint beside writers. */
export function requireSafeSqlite(): void {
  if (checked) return;
  const memory = new DatabaseSync(":memory:");
  const row = memory.prepare("select sqlite_version() as version").get();
  memory.close();
  const version = String(row?.["version"]);
  if (!isAtLeast(version, MINIMUM_SQLITE)) {
    throw new LitewakeError(
      "usage",
      `SQLite ${version} inside Node ${process.versions.node} is older than ${MINIMUM_SQLITE}`,
      {
        next: "run Litewake on Node 22.23 or newer, or 24 or newer",
      },
    );
  }
  checked = true;
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** SQLite could not tell where the log ends, for as long as it was asked: to be asked again later. */
export class LogUnreadable extends Error {
  constructor() {
    super("the index of the log is locked");
    this.name = "LogUnreadable";
  }
}

/**
 * Somebody else holds a lock that the statement needs: a moment later it may be free. `SQLITE_PROTOCOL` is the same after ten
 * seconds of it, as when a writer is suspended while it changes the index of the log.
 */
export function isBusy(error: unknown): boolean {
  if (error instanceof LogUnreadable) return true;
  const code = primaryCode(error);
  return code === SQLITE_BUSY || code === SQLITE_LOCKED || code === SQLITE_PROTOCOL;
}

/** The file is no SQLite database, or an encrypted one. */
export function isNotADatabase(error: unknown): boolean {
  return primaryCode(error) === SQLITE_NOTADB;
}

/**
 * Opens a connection that never waits for a lock (a wait blocks the whole thread) and never checkpoints by itself.
 */
export function connect(path: string, options: { readonly readOnly?: boolean } = {}): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: 0, ...options });
  try {
    // None of ours reads more than the schema's first page: no room is set aside for others.
    connection.exec("pragma wal_autocheckpoint=0; pragma cache_size=2");
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Frees a connection's page cache, as far as no page is in use. Locks and a read mark stay as they are. */
export function shrinkMemory(connection: DatabaseSync): void {
  connection.exec("pragma shrink_memory");
}

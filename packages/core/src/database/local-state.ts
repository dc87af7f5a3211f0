// What Litewake notes beside a database: a cache that makes continuity provable more often and may always be deleted.
import fs from "node:fs";
import path from "node:path";
import { type Logger, silent } from "../logger.ts";
import { step } from "../steps.ts";
import type { FileIdentity } from "./live-database.ts";
import { isSystemFault } from "./system-fault.ts";
import { Trouble } from "./trouble.ts";

/** Salts of a WAL: they name it. */
export interface WalName {
  readonly salt1: number;
  readonly salt2: number;
}

/** A replica's place as plain data. */
export interface NotedPosition {
  readonly generation: string;
  readonly index: number;
  readonly offset: number;
}

/**
 * Written when the database file alone was the whole state, and every replica named had acknowledged it: at rest, at a
 * stop, after a restore. While the file is untouched since, any other WAL beside it holds only what came later.
 */
export interface RestRecord {
  readonly database: FileIdentity;
  /** The WAL that was there, fully written back; `null`: none. */
  readonly wal: (WalName & { readonly frames: number }) | null;
  /** By the replica's URL. */
  readonly replicas: Readonly<Record<string, NotedPosition>>;
}

/** A WAL that was followed to its end, and the one that came after it. */
export interface ClosedWal extends WalName {
  /** Its last byte's offset, plus one. */
  readonly end: number;
  /** The unshipped tail, kept in the spool folder; `null` when all was shipped. */
  readonly spool: { readonly name: string; readonly from: number } | null;
  readonly next: WalName;
}

export interface LocalState {
  readonly version: 1;
  readonly rest?: RestRecord | undefined;
  /** In order, oldest first. */
  readonly closed?: readonly ClosedWal[] | undefined;
  /** Largest size of the WAL file ever seen, and whether it ever shrank (journal_size_limit, TRUNCATE). Bytes. */
  readonly wal?: { readonly largest: number; readonly shrank: boolean } | undefined;
  /** Generations that were begun, the last ones, by the replica's URL: one whose put was not answered may be stored late. */
  readonly begun?: Readonly<Record<string, readonly string[]>> | undefined;
}

const EMPTY: LocalState = { version: 1 };

/** The folder of a database's local state: `.<name>-litewake` beside it, unless configured otherwise. */
export function metaFolder(databasePath: string, configured?: string): string {
  return configured ?? path.join(path.dirname(databasePath), `.${path.basename(databasePath)}-litewake`);
}

export class LocalStateFile {
  readonly folder: string;
  readonly #file: string;
  readonly #trouble: Trouble;
  #state: LocalState;

  constructor(folder: string, logger: Logger = silent) {
    this.folder = folder;
    this.#file = path.join(folder, "state.json");
    this.#trouble = new Trouble(logger, {
      failing: `${this.#file} cannot be written; shipping goes on, but after a restart a new generation may be needed`,
      over: `${this.#file} can be written again`,
    });
    this.#state = readState(this.#file);
  }

  get state(): LocalState {
    return this.#state;
  }

  get spoolFolder(): string {
    return path.join(this.folder, "spool");
  }

  /**
   * Replaces the keys given. Atomic against a kill; not synced: after a power loss it may be old or gone. A disk that does
   * not take it is said and stops nobody: what an older file states stays true, and the next update writes all.
   */
  update(change: Partial<LocalState>): void {
    this.#state = { ...this.#state, ...change, version: 1 };
    const temporary = `${this.#file}.tmp`;
    try {
      makeFolder(this.folder);
      fs.writeFileSync(temporary, JSON.stringify(this.#state), { mode: 0o600 });
      step("state:writing");
      fs.renameSync(temporary, this.#file);
      step("state:written");
      this.#trouble.worked();
    } catch (error) {
      if (!isSystemFault(error)) throw error;
      this.#trouble.failed(error);
    }
  }

  /** Removes spool files that the state does not name. */
  sweepSpool(): void {
    const named = new Set((this.#state.closed ?? []).map((wal) => wal.spool?.name));
    for (const name of fs.existsSync(this.spoolFolder) ? fs.readdirSync(this.spoolFolder) : []) {
      if (!named.has(name)) fs.rmSync(path.join(this.spoolFolder, name), { force: true });
    }
  }
}

/**
 * Makes a folder of the local state, and none above it: where the database's own folder was moved away, one made in its place
 * would keep it from coming back.
 */
export function makeFolder(folder: string): void {
  if (!fs.existsSync(folder)) fs.mkdirSync(folder, { mode: 0o700 });
}

function readState(file: string): LocalState {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(file, "utf8"));
    if (typeof value === "object" && value !== null && "version" in value && value.version === 1) {
      // Written by this file's `update` alone; each reader still proves what it takes from here against the database.
      return value as LocalState;
    }
  } catch {
    // Missing, torn or foreign: a cache may be gone at any time.
  }
  return EMPTY;
}

// The checkpoint connection: where SQLite says the log ends, and writing frames back into the database file.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isBusy, LogUnreadable, shrinkMemory } from "./sqlite.ts";

/** SQLite's own figures for the live WAL, in frames. */
export interface LogState {
  /** Frames committed (mxFrame). 0: the WAL is empty, or was reset and nothing was written since. */
  readonly log: number;
  /** Of these, frames written back into the database file (nBackfill). */
  readonly checkpointed: number;
}

export interface PassiveResult extends LogState {
  /** Somebody else is checkpointing, or waits in a RESTART or TRUNCATE. */
  readonly busy: boolean;
}

const STATE_TRIES = 100;

export class Checkpointer {
  readonly #connection: DatabaseSync;
  readonly #passive: StatementSync;
  readonly #noop: StatementSync;

  constructor(connection: DatabaseSync) {
    this.#connection = connection;
    this.#passive = connection.prepare("pragma wal_checkpoint(passive)");
    this.#noop = connection.prepare("pragma wal_checkpoint(noop)");
  }

  /**
   * Where the log ends, from SQLite itself. A valid commit frame in the file is no proof: a writer killed before it
   * published the commit leaves one, and the next writer overwrites it.
   */
  state(): LogState {
    for (let tries = 0; tries < STATE_TRIES; tries++) {
      const row = this.#noop.get();
      const log = Number(row?.["log"]);
      // -1: SQLite could not tell, since somebody was just changing the index of the log.
      if (log >= 0) return { log, checkpointed: Number(row?.["checkpointed"]) };
    }
    throw new LogUnreadable();
  }

  /** Writes back up to the oldest mark. Never waits, never makes anybody wait for a lock. */
  passive(): PassiveResult {
    try {
      const row = this.#passive.get();
      return {
        busy: Number(row?.["busy"]) !== 0,
        log: Math.max(0, Number(row?.["log"])),
        checkpointed: Math.max(0, Number(row?.["checkpointed"])),
      };
    } catch (error) {
      if (!isBusy(error)) throw error;
      return { busy: true, log: -1, checkpointed: -1 };
    }
  }

  shrink(): void {
    shrinkMemory(this.#connection);
  }

  close(): void {
    this.#connection.close();
  }
}

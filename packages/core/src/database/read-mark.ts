// A read transaction: the only thing that keeps everyone, in every process, from restarting the WAL.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { shrinkMemory } from "./sqlite.ts";

/**
 * One connection whose read transaction marks a place in the WAL. `BEGIN` alone marks nothing: a `SELECT` must follow.
 * On a WAL that is empty or fully written back the mark is "mark 0", which forbids writing back but not a restart.
 */
export class ReadMark {
  readonly #connection: DatabaseSync;
  readonly #touch: StatementSync;
  #held = false;

  constructor(connection: DatabaseSync) {
    this.#connection = connection;
    this.#touch = connection.prepare("select 1 from sqlite_schema limit 1");
  }

  get held(): boolean {
    return this.#held;
  }

  /**
   * Marks the present end of the WAL; a place held from before is let go. When it throws nothing is held: a `BEGIN` whose
   * `SELECT` failed would pass for a mark and keep nobody from anything.
   */
  take(): void {
    this.release();
    this.#connection.exec("begin");
    try {
      this.#touch.get();
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#held = true;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#end();
  }

  // Some errors of a statement have ended the transaction already.
  #end(): void {
    if (this.#connection.isTransaction) this.#connection.exec("rollback");
  }

  shrink(): void {
    shrinkMemory(this.#connection);
  }

  close(): void {
    this.release();
    this.#connection.close();
  }
}

// The bytes of a live `-wal` file. It carries no locks of SQLite's, so opening and closing it with `fs` is safe.
import fs from "node:fs";
import { parseWalHeader, WAL_HEADER_BYTES, type WalHeader } from "../wal/header.ts";

export class WalFile {
  readonly databasePath: string;
  readonly path: string;
  #descriptor: number | undefined;
  readonly #headerBytes = new Uint8Array(WAL_HEADER_BYTES);

  constructor(databasePath: string) {
    this.databasePath = databasePath;
    this.path = `${databasePath}-wal`;
  }

  #open(): number | undefined {
    if (this.#descriptor === undefined) {
      try {
        this.#descriptor = fs.openSync(this.path, "r");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    }
    return this.#descriptor;
  }

  /** The header, proved by its own checksum; `undefined` where there is none (yet). */
  header(): WalHeader | undefined {
    if (this.read(this.#headerBytes, 0) < WAL_HEADER_BYTES) return undefined;
    return parseWalHeader(this.#headerBytes);
  }

  /** Fills `into` from byte `offset` on; returns how many bytes there were. */
  read(into: Uint8Array, offset: number): number {
    const descriptor = this.#open();
    if (descriptor === undefined) return 0;
    let done = 0;
    while (done < into.byteLength) {
      const count = fs.readSync(descriptor, into, done, into.byteLength - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /** Bytes of the file; not where the log ends (old frames stay behind a restart). */
  size(): number {
    const descriptor = this.#open();
    return descriptor === undefined ? 0 : fs.fstatSync(descriptor).size;
  }

  /** When it was last written to, by the host's clock in milliseconds; `undefined`: there is nothing in it. */
  modifiedMs(): number | undefined {
    const descriptor = this.#open();
    const stat = descriptor === undefined ? undefined : fs.fstatSync(descriptor);
    return stat === undefined || stat.size === 0 ? undefined : stat.mtimeMs;
  }

  /**
   * Whether the name still leads to the file that is open here. `deleted`: whoever has it open goes on in a file without a
   * name. `replaced`: somebody has come since and uses another one.
   */
  whereabouts(): "here" | "deleted" | "replaced" {
    if (this.#descriptor === undefined) return "here";
    const here = fs.fstatSync(this.#descriptor);
    const named = fs.statSync(this.path, { throwIfNoEntry: false });
    if (named === undefined) return "deleted";
    return named.ino === here.ino && named.dev === here.dev ? "here" : "replaced";
  }

  /** Puts what was written so far on the disk, off this thread: several milliseconds under load. */
  async sync(): Promise<void> {
    const descriptor = this.#open();
    if (descriptor === undefined) return;
    await new Promise<void>((resolve, reject) => {
      fs.fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

// The unshipped tail of a WAL, kept beside the database across a rotation: afterwards the new WAL grows over its place.
import fs from "node:fs";
import path from "node:path";
import { step } from "../steps.ts";
import { makeFolder } from "./local-state.ts";
import { isSystemFault } from "./system-fault.ts";
import type { WalFile } from "./wal-file.ts";

const CHUNK_BYTES = 1 << 20;
/** One for all: it is filled and emptied without a turn in between. Allocated for each rotation, it called for collections. */
let chunk: Uint8Array | undefined;

/** The WAL file has become shorter than its log was: somebody has restarted it, and `journal_size_limit` has cut it. */
export class WalCut extends Error {
  constructor(path: string, at: number, end: number) {
    super(`${path} ends at ${at}, before its committed end ${end}`);
    this.name = "WalCut";
  }
}

/** Bytes `from` to `end` of one WAL, in a file of their own. A cache: without it the replica gets a new generation. */
export class Spool {
  readonly path: string;
  /** First byte held, an offset of the WAL. */
  readonly from: number;
  #end: number;
  #descriptor: number;

  private constructor(file: string, from: number, end: number, descriptor: number) {
    this.path = file;
    this.from = from;
    this.#end = end;
    this.#descriptor = descriptor;
  }

  static create(folder: string, name: string, from: number): Spool {
    makeFolder(path.dirname(folder));
    makeFolder(folder);
    const file = path.join(folder, name);
    const spool = new Spool(file, from, from, fs.openSync(file, "w+", 0o600));
    step("spool:created");
    return spool;
  }

  /** Opens what an earlier process left. `undefined`: it is not there, or not whole. */
  static reopen(folder: string, name: string, from: number, end: number): Spool | undefined {
    const file = path.join(folder, name);
    try {
      const descriptor = fs.openSync(file, "r+");
      if (fs.fstatSync(descriptor).size < end - from) {
        fs.closeSync(descriptor);
        return undefined;
      }
      return new Spool(file, from, end, descriptor);
    } catch {
      return undefined;
    }
  }

  /** One past the last byte held, an offset of the WAL. */
  get end(): number {
    return this.#end;
  }

  get name(): string {
    return path.basename(this.path);
  }

  /** Copies the WAL's bytes up to `end` behind what is held. */
  extend(wal: WalFile, end: number): void {
    const buffer = (chunk ??= new Uint8Array(CHUNK_BYTES));
    while (this.#end < end) {
      const wanted = buffer.subarray(0, Math.min(buffer.byteLength, end - this.#end));
      const count = wal.read(wanted, this.#end);
      if (count === 0) throw new WalCut(wal.path, this.#end, end);
      // A disk that is nearly full takes a part: only what it took is held.
      this.#end += fs.writeSync(this.#descriptor, wanted, 0, count, this.#end - this.from);
    }
    step("spool:written");
  }

  /** Fills `into` from offset `offset` of the WAL; returns how many bytes there were. */
  read(into: Uint8Array, offset: number): number {
    const wanted = Math.min(into.byteLength, this.#end - offset);
    return wanted <= 0 ? 0 : fs.readSync(this.#descriptor, into, 0, wanted, offset - this.from);
  }

  /** Closes the file and removes it; one that cannot be removed now is swept at a later start. */
  discard(): void {
    this.close();
    try {
      fs.rmSync(this.path, { force: true });
    } catch (error) {
      if (!isSystemFault(error)) throw error;
    }
    step("spool:discarded");
  }

  close(): void {
    if (this.#descriptor >= 0) fs.closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

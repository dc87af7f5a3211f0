// A stored snapshot on its way into the output: decoded and written by one thread, so that its bytes cross from one thread
// to another only as they are stored.
import { createHash, type Hash } from "node:crypto";
import fs from "node:fs";
import { Lz4Error } from "../codec/lz4-error.ts";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";
import { decodeSnapshotProof } from "../replica/proof.ts";
import { DiskRoom } from "./disk-room.ts";

/** The database header's length (SQLite file format, section 1.3). */
export const HEAD_BYTES = 100;

/** What was copied. */
export interface CopiedObject {
  readonly bytes: number;
  /** The first 100 bytes, or all. */
  readonly head: Uint8Array;
  /** Of the plain bytes, where the object's own proof states one. */
  readonly sha256: string | undefined;
  readonly skippable: readonly Uint8Array[];
}

/** Where the plain bytes go: into a file, or nowhere, when they are only to be judged. */
export type CopyTarget = "nowhere" | { readonly descriptor: number; readonly folder: string };

/**
 * Writes from the first byte of a file on, and not more than the object's proof states, where there is one. Throws `Lz4Error`,
 * and the disk's errors.
 */
export class ObjectCopy {
  readonly #file: { readonly descriptor: number; readonly room: DiskRoom } | undefined;
  readonly #decoder = new Lz4FrameDecoder();
  readonly #head = new Uint8Array(HEAD_BYTES);
  #bytes = 0;
  #hash: Hash | undefined;
  /** Undefined: nothing says how large the database is. */
  #statedBytes: number | undefined;

  constructor(target: CopyTarget) {
    if (target !== "nowhere") this.#file = { descriptor: target.descriptor, room: new DiskRoom(target.folder) };
  }

  /** The chunk is not kept. */
  push(chunk: Uint8Array): void {
    this.#decoder.pushTo(chunk, (plain) => this.#take(plain));
  }

  /** Throws unless the object was whole. */
  end(): CopiedObject {
    this.#decoder.end();
    return {
      bytes: this.#bytes,
      head: this.#head.subarray(0, Math.min(this.#bytes, HEAD_BYTES)),
      sha256: this.#hash?.digest("hex"),
      skippable: this.#decoder.skippable,
    };
  }

  #begin(): void {
    const proof = decodeSnapshotProof(this.#decoder.skippable);
    if (proof === undefined) return;
    this.#statedBytes = proof.pages * proof.pageSize;
    if (proof.sha256 !== undefined) this.#hash = createHash("sha256");
  }

  #take(plain: Uint8Array): void {
    if (this.#bytes === 0) this.#begin();
    if (this.#statedBytes !== undefined && this.#bytes + plain.byteLength > this.#statedBytes) {
      const where = this.#bytes + plain.byteLength;
      throw new Lz4Error("content-size", where, `more than the ${this.#statedBytes} plain bytes that its proof says,`);
    }
    this.#file?.room.take(plain.byteLength);
    this.#hash?.update(plain);
    if (this.#bytes < HEAD_BYTES) this.#head.set(plain.subarray(0, HEAD_BYTES - this.#bytes), this.#bytes);
    if (this.#file !== undefined) this.#write(this.#file.descriptor, plain);
    this.#bytes += plain.byteLength;
  }

  #write(descriptor: number, plain: Uint8Array): void {
    for (let at = 0; at < plain.byteLength;) {
      at += fs.writeSync(descriptor, plain, at, plain.byteLength - at, this.#bytes + at);
    }
  }
}

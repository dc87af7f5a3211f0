// Proven frames on their way to the output: in memory while they are few, then in a file beside the output that has
// lost its name already, so that nothing is left even after SIGKILL.
import fs from "node:fs";
import path from "node:path";
import { DiskRoom } from "./disk-room.ts";

const BLOCK_BYTES = 4 << 20;

/** Holds whole frames in the order in which they were added; read back block by block. */
export class FrameSpool implements Disposable {
  readonly frameBytes: number;
  /** Frames in each block but the last. */
  readonly blockFrames: number;
  readonly #path: string;
  readonly #memoryBytes: number;
  readonly #blocks: Uint8Array[] = [];
  #block: Uint8Array;
  #filled = 0;
  #written = 0;
  #file: number | undefined;
  #named = false;
  #readBuffer: Uint8Array | undefined;
  readonly #room: DiskRoom;

  /** `file` is created when more than `memoryBytes` are held. */
  constructor(file: string, frameBytes: number, memoryBytes: number = 8 << 20) {
    this.#path = file;
    this.#room = new DiskRoom(path.dirname(file));
    this.frameBytes = frameBytes;
    this.blockFrames = Math.floor(BLOCK_BYTES / frameBytes);
    this.#memoryBytes = memoryBytes;
    this.#block = new Uint8Array(Math.min(this.blockFrames, 16) * frameBytes);
  }

  /** Whole blocks, and the last that is not full. */
  get blockCount(): number {
    return this.#written + this.#blocks.length + (this.#filled > 0 ? 1 : 0);
  }

  /** Copies whole frames. */
  add(frames: Uint8Array): void {
    const capacity = this.blockFrames * this.frameBytes;
    let at = 0;
    while (at < frames.byteLength) {
      const part = frames.subarray(at, at + Math.min(frames.byteLength - at, capacity - this.#filled));
      this.#grow(this.#filled + part.byteLength, capacity);
      this.#block.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === capacity) this.#seal(capacity);
    }
  }

  /** The frames of one block. Valid until the next call. */
  readBlock(number: number): Uint8Array {
    if (number >= this.#written) {
      return this.#blocks[number - this.#written] ?? this.#block.subarray(0, this.#filled);
    }
    const capacity = this.blockFrames * this.frameBytes;
    const bytes = (this.#readBuffer ??= new Uint8Array(capacity));
    let at = 0;
    while (at < capacity) {
      const count = fs.readSync(this.#descriptor(), bytes, at, capacity - at, number * capacity + at);
      if (count === 0) throw new Error(`${this.#path} ends before its ${this.#written} blocks do`);
      at += count;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) fs.closeSync(this.#file);
    this.#file = undefined;
    if (this.#named) fs.rmSync(this.#path, { force: true });
  }

  // Small restores shall not pay for a whole block.
  #grow(needed: number, capacity: number): void {
    if (needed <= this.#block.byteLength) return;
    const grown = new Uint8Array(Math.min(capacity, Math.max(needed, this.#block.byteLength * 2)));
    grown.set(this.#block.subarray(0, this.#filled));
    this.#block = grown;
  }

  #seal(capacity: number): void {
    this.#blocks.push(this.#block);
    this.#filled = 0;
    if ((this.#blocks.length + 1) * capacity <= this.#memoryBytes) {
      this.#block = new Uint8Array(capacity);
      return;
    }
    for (const block of this.#blocks) {
      this.#room.take(capacity);
      writeWhole(this.#descriptor(), block, this.#written * capacity);
      this.#written += 1;
    }
    // What was written may be filled again.
    this.#block = this.#blocks[0] ?? this.#block;
    this.#blocks.length = 0;
  }

  #descriptor(): number {
    if (this.#file === undefined) {
      this.#file = fs.openSync(this.#path, "wx+", 0o600);
      try {
        fs.unlinkSync(this.#path);
      } catch {
        this.#named = true; // Windows keeps the name of an open file; it goes when the file is closed.
      }
    }
    return this.#file;
  }
}

function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  let at = 0;
  while (at < bytes.byteLength) at += fs.writeSync(file, bytes, at, bytes.byteLength - at, position + at);
}

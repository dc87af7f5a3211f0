// Reading LZ4 frames, streaming and strict: exactly one frame, proved to its last byte (formats.md A3).
import { decompressBlock, decompressedView } from "./lz4-block.ts";
import { Lz4Error, type Lz4ErrorCode } from "./lz4-error.ts";
import {
  descriptorBytes,
  FRAME_MAGIC,
  type FrameDescriptor,
  LINKED_WINDOW_BYTES,
  MAX_SKIPPABLE_BYTES,
  parseDescriptor,
  SKIPPABLE_HEAD_BYTES,
  SKIPPABLE_MAGIC,
  STORED_RAW,
  viewOf,
} from "./lz4-format.ts";
import { Xxh32, xxh32 } from "./xxh32.ts";

/** The part of the object that is read next. */
type Part =
  | { readonly name: "magic" | "skippable-size" | "flags" | "block-size" | "content-checksum" | "nothing" }
  | { readonly name: "skippable" }
  | { readonly name: "descriptor"; readonly flags: number }
  | { readonly name: "block"; readonly size: number; readonly raw: boolean };

const FIRST_BUFFER_BYTES = 4 << 10;
const NOTHING = new Uint8Array(0);

type Take = (plain: Uint8Array) => void;

/**
 * Reads exactly one frame, after any skippable ones. Every checksum there is gets proved; a second frame, bytes behind
 * the frame, or a cut anywhere is an `Lz4Error`. What it hands out is proved only when `end` returns, and stays valid.
 * Memory: one block, stored and plain, of the size that the frame declares (at most 4 MiB), grown as bytes arrive.
 */
export class Lz4FrameDecoder {
  #part: Part = { name: "magic" };
  /** Bytes that the part has. */
  #need = 4;
  /** Where the part begins. */
  #offset = 0;
  /** The part's bytes so far, while it is spread over several chunks. */
  #held: Uint8Array = new Uint8Array(0);
  #heldBytes = 0;
  #descriptor: FrameDescriptor | undefined;
  #plainBytes = 0;
  #skippableBytes = 0;
  #window: Uint8Array = new Uint8Array(0);
  #failure: unknown;
  /** Blocks are handed out one by one, from the codec's own memory. */
  #lends = false;
  readonly #checksum = new Xxh32();
  readonly #skippable: Uint8Array[] = [];

  /** Payloads of the skippable frames passed so far; complete before the first plain byte. */
  get skippable(): readonly Uint8Array[] {
    return this.#skippable;
  }

  /** Takes the next stored bytes, which the caller may change afterwards; hands out what they complete, in fresh arrays. */
  push(chunk: Uint8Array): Uint8Array[] {
    return [...this.blocks(chunk)];
  }

  /**
   * As `push`, but decodes no further than is asked for: a few kilobytes may stand for megabytes. The chunk must stay as it is
   * until all was taken.
   */
  *blocks(chunk: Uint8Array): Generator<Uint8Array, void> {
    let ready: Uint8Array | undefined;
    for (let rest = chunk; ;) {
      rest = this.#step(rest, (plain) => (ready = plain));
      if (ready !== undefined) yield ready;
      ready = undefined;
      if (rest.byteLength === 0) return;
    }
  }

  /** As `push`, but each plain block is lent to `take`: it holds during the call, in which nothing may be coded on this thread. */
  pushTo(chunk: Uint8Array, take: (plain: Uint8Array) => void): void {
    this.#lends = true;
    let rest = chunk;
    do rest = this.#step(rest, take);
    while (rest.byteLength > 0);
  }

  /** Reads one part, if the chunk has the rest of it, and those after it that have no bytes; answers what is left of the chunk. */
  #step(chunk: Uint8Array, take: Take): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      let rest = chunk;
      do {
        const need = this.#need;
        const missing = need - this.#heldBytes;
        const bytes = rest.subarray(0, missing);
        if (bytes.byteLength < missing) {
          this.#hold(bytes);
          return NOTHING;
        }
        rest = rest.subarray(missing);
        this.#read(this.#heldBytes === 0 ? bytes : this.#joined(bytes), take);
        this.#offset += need;
      } while (this.#need === 0);
      return rest;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** States that there is no more. Throws unless the frame was whole. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { name } = this.#part;
    if (name === "nothing") {
      if (this.#heldBytes > 0) throw this.#error("trailing-bytes", "there are bytes behind the LZ4 frame");
      return;
    }
    const end = this.#offset + this.#heldBytes;
    if (end === 0) throw new Lz4Error("empty", 0, "no LZ4 frame: the bytes end");
    if (name === "block-size" && this.#heldBytes === 0)
      throw new Lz4Error("missing-end-mark", end, "no EndMark: the LZ4 frame ends");
    throw new Lz4Error("truncated", end, `the LZ4 frame breaks off in its ${name}`);
  }

  #error(code: Lz4ErrorCode, what: string): Lz4Error {
    return new Lz4Error(code, this.#offset, what);
  }

  #expect(part: Part, need: number): void {
    this.#part = part;
    this.#need = need;
  }

  #hold(bytes: Uint8Array): void {
    const needed = this.#heldBytes + bytes.byteLength;
    if (needed > this.#held.byteLength) {
      // Grown as bytes arrive, so that a size which is only claimed costs nothing.
      const grown = new Uint8Array(
        Math.max(needed, FIRST_BUFFER_BYTES, Math.min(this.#need, 2 * this.#held.byteLength)),
      );
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = needed;
  }

  #joined(last: Uint8Array): Uint8Array {
    this.#hold(last);
    const whole = this.#held.subarray(0, this.#heldBytes);
    this.#heldBytes = 0;
    return whole;
  }

  #read(bytes: Uint8Array, take: Take): void {
    const part = this.#part;
    switch (part.name) {
      case "magic":
        return this.#readMagic(viewOf(bytes).getUint32(0, true));
      case "skippable-size":
        return this.#readSkippableSize(viewOf(bytes).getUint32(0, true));
      case "skippable":
        this.#skippable.push(bytes.slice());
        return this.#expect({ name: "magic" }, 4);
      case "flags": {
        const flags = viewOf(bytes).getUint8(0);
        return this.#expect({ name: "descriptor", flags }, descriptorBytes(flags) - 1);
      }
      case "descriptor":
        this.#descriptor = parseDescriptor(Uint8Array.of(part.flags, ...bytes), this.#offset - 1);
        return this.#expect({ name: "block-size" }, 4);
      case "block-size":
        return this.#readBlockSize(viewOf(bytes).getUint32(0, true));
      case "block":
        return this.#readBlock(bytes, part.size, part.raw, take);
      case "content-checksum":
        return this.#readContentChecksum(bytes);
      case "nothing":
        if (viewOf(bytes).getUint32(0, true) === FRAME_MAGIC)
          throw this.#error("joined-frames", "a second LZ4 frame begins");
        throw this.#error("trailing-bytes", "there are bytes behind the LZ4 frame");
    }
  }

  #readMagic(magic: number): void {
    if (magic === FRAME_MAGIC) this.#expect({ name: "flags" }, 1);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#expect({ name: "skippable-size" }, 4);
    else throw this.#error("bad-magic", "no LZ4 frame begins");
  }

  #readSkippableSize(size: number): void {
    this.#skippableBytes += SKIPPABLE_HEAD_BYTES + size;
    if (this.#skippableBytes > MAX_SKIPPABLE_BYTES) {
      throw this.#error("skippable-too-large", `skippable frames of ${this.#skippableBytes} bytes in total`);
    }
    this.#expect({ name: "skippable" }, size);
  }

  get #frame(): FrameDescriptor {
    if (this.#descriptor === undefined) throw new Error("no frame descriptor was read");
    return this.#descriptor;
  }

  #readBlockSize(word: number): void {
    const { blockChecksums, contentChecksum, maxBlockBytes } = this.#frame;
    if (word === 0) return this.#expect({ name: "content-checksum" }, contentChecksum ? 4 : 0);
    const size = word & ~STORED_RAW;
    if (size > maxBlockBytes) {
      throw this.#error("block-too-large", `a block of ${size} bytes where ${maxBlockBytes} are allowed`);
    }
    this.#expect({ name: "block", size, raw: word >= STORED_RAW }, size + (blockChecksums ? 4 : 0));
  }

  #readBlock(bytes: Uint8Array, size: number, raw: boolean, take: Take): void {
    const { blockChecksums, contentBytes } = this.#frame;
    const stored = bytes.subarray(0, size);
    // Over the stored bytes, as the specification has it; Litestream 0.3.13's library took the plain ones.
    if (blockChecksums && xxh32(stored) !== viewOf(bytes).getUint32(size, true)) {
      throw this.#error("block-checksum", "a block's checksum is wrong");
    }
    const plain = raw ? (this.#lends ? stored : stored.slice()) : this.#decode(stored);
    this.#plainBytes += plain.byteLength;
    if (contentBytes !== undefined && this.#plainBytes > contentBytes) {
      throw this.#error("content-size", `more than the ${contentBytes} bytes that the LZ4 frame announced`);
    }
    this.#checksum.update(plain);
    this.#remember(plain);
    if (plain.byteLength > 0) take(plain);
    this.#expect({ name: "block-size" }, 4);
  }

  #decode(stored: Uint8Array): Uint8Array {
    const { maxBlockBytes } = this.#frame;
    const decompress = this.#lends ? decompressedView : decompressBlock;
    const plain = decompress(stored, maxBlockBytes, this.#window);
    if (plain === "malformed") throw this.#error("bad-block", "a block does not decode");
    if (plain === "too-large")
      throw this.#error("block-too-large", `a block decodes to more than ${maxBlockBytes} bytes`);
    return plain;
  }

  #remember(plain: Uint8Array): void {
    if (this.#frame.independent) return;
    if (plain.byteLength >= LINKED_WINDOW_BYTES) this.#window = plain.slice(-LINKED_WINDOW_BYTES);
    else this.#window = Buffer.concat([this.#window.subarray(plain.byteLength - LINKED_WINDOW_BYTES), plain]);
  }

  #readContentChecksum(bytes: Uint8Array): void {
    const { contentChecksum, contentBytes } = this.#frame;
    if (contentBytes !== undefined && contentBytes !== this.#plainBytes) {
      throw this.#error("content-size", `${this.#plainBytes} bytes where the LZ4 frame announced ${contentBytes}`);
    }
    if (contentChecksum && viewOf(bytes).getUint32(0, true) !== this.#checksum.digest()) {
      throw this.#error("content-checksum", "the content's checksum is wrong");
    }
    this.#expect({ name: "nothing" }, 4);
  }
}

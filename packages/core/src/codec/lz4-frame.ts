// The LZ4 frame format, streaming and strict: exactly one frame, proved to its last byte (formats.md A3).
import { compressBlock, decompressBlock } from "./lz4-block.ts";
import { Lz4Error, type Lz4ErrorCode } from "./lz4-error.ts";
import { Xxh32, xxh32 } from "./xxh32.ts";

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const STORED_RAW = 0x80000000;
/** Version 1, independent blocks, content checksum; largest block 4 MiB: what Litestream 0.3.13 writes. */
const HEADER = Uint8Array.from([0x04, 0x22, 0x4d, 0x18, 0x64, 0x70, 0xb9]);
/** Smaller blocks than the header allows: less memory and earlier output, at 1 % of the ratio on WAL data. */
const BLOCK_BYTES = 1 << 20;
const LINKED_WINDOW_BYTES = 64 << 10;
const MAX_SKIPPABLE_BYTES = 64 << 10;

/** Wraps bytes that LZ4 readers pass over. Litestream of both lines accepts such frames before the frame proper. */
export function encodeSkippableFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(8 + payload.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint32(0, SKIPPABLE_MAGIC, true);
  view.setUint32(4, payload.byteLength, true);
  frame.set(payload, 8);
  return frame;
}

/** Writes one frame. Holds at most one block, whatever goes through it. */
export class Lz4FrameEncoder {
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #filled = 0;
  readonly #checksum = new Xxh32();
  #begun = false;

  /** Takes the next bytes; hands out what is ready. */
  update(chunk: Uint8Array): Uint8Array[] {
    const out = this.#begin();
    this.#checksum.update(chunk);
    let at = 0;
    while (at < chunk.byteLength) {
      const take = Math.min(BLOCK_BYTES - this.#filled, chunk.byteLength - at);
      this.#block.set(chunk.subarray(at, at + take), this.#filled);
      this.#filled += take;
      at += take;
      if (this.#filled === BLOCK_BYTES) out.push(this.#flush());
    }
    return out;
  }

  /** Ends the frame; the encoder is of no use afterwards. */
  end(): Uint8Array[] {
    const out = this.#begin();
    if (this.#filled > 0) out.push(this.#flush());
    const tail = new Uint8Array(8);
    new DataView(tail.buffer).setUint32(4, this.#checksum.digest(), true);
    out.push(tail);
    return out;
  }

  #begin(): Uint8Array[] {
    if (this.#begun) return [];
    this.#begun = true;
    return [HEADER.slice()];
  }

  #flush(): Uint8Array {
    const plain = this.#block.subarray(0, this.#filled);
    const stored = new Uint8Array(4 + plain.byteLength);
    const view = new DataView(stored.buffer);
    const size = compressBlock(plain, stored, 4);
    this.#filled = 0;
    if (size > 0) {
      view.setUint32(0, size, true);
      return stored.slice(0, 4 + size);
    }
    view.setUint32(0, (plain.byteLength | STORED_RAW) >>> 0, true);
    stored.set(plain, 4);
    return stored;
  }
}

type DecoderState = "magic" | "skippable" | "descriptor" | "block-size" | "block" | "content-checksum" | "done";

interface FrameDescriptor {
  readonly independent: boolean;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  readonly contentBytes: number | undefined;
  readonly maxBlockBytes: number;
}

/**
 * Reads exactly one frame, after any number of skippable ones. Every checksum there is gets proved; a second frame, bytes
 * behind the frame, or a cut anywhere is an error. Memory: one block of at most 4 MiB, stored and plain.
 */
export class Lz4FrameDecoder {
  #state: DecoderState = "magic";
  #input: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #descriptor: FrameDescriptor | undefined;
  #blockHeader = 0;
  #plainBytes = 0;
  #skippableBytes = 0;
  #window: Uint8Array = new Uint8Array(0);
  #scratch: Uint8Array | undefined;
  readonly #checksum = new Xxh32();
  readonly #skippable: Uint8Array[] = [];

  /** Payloads of the skippable frames passed so far. */
  get skippable(): readonly Uint8Array[] {
    return this.#skippable;
  }

  /** Takes the next stored bytes; hands out the plain bytes that are proved as far as their block goes. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#input = this.#input.byteLength === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    const out: Uint8Array[] = [];
    while (this.#step(out));
    return out;
  }

  /** States that there is no more. Throws when the frame is not whole. */
  end(): void {
    if (this.#state === "done") return;
    if (this.#offset === 0 && this.#input.byteLength === 0) throw this.#error("empty", "the object is empty");
    throw this.#error("truncated", "the frame breaks off");
  }

  #error(code: Lz4ErrorCode, what: string): Lz4Error {
    return new Lz4Error(code, this.#offset, what);
  }

  /** The next `count` bytes, or `undefined` while they are not there. */
  #take(count: number): Uint8Array | undefined {
    if (this.#input.byteLength < count) return undefined;
    const bytes = this.#input.subarray(0, count);
    this.#input = this.#input.subarray(count);
    this.#offset += count;
    return bytes;
  }

  #step(out: Uint8Array[]): boolean {
    switch (this.#state) {
      case "magic":
        return this.#readMagic();
      case "skippable":
        return this.#readSkippable();
      case "descriptor":
        return this.#readDescriptor();
      case "block-size":
        return this.#readBlockSize();
      case "block":
        return this.#readBlock(out);
      case "content-checksum":
        return this.#readContentChecksum();
      case "done":
        return this.#readNothing();
    }
  }

  #readMagic(): boolean {
    const bytes = this.#take(4);
    if (bytes === undefined) return false;
    const magic = viewOf(bytes).getUint32(0, true);
    if (magic === FRAME_MAGIC) this.#state = "descriptor";
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#state = "skippable";
    else throw this.#error("bad-magic", "no LZ4 frame begins here");
    return true;
  }

  #readSkippable(): boolean {
    if (this.#input.byteLength < 4) return false;
    const size = viewOf(this.#input).getUint32(0, true);
    if (this.#skippableBytes + size > MAX_SKIPPABLE_BYTES) {
      throw this.#error("skippable-too-large", `a skippable frame of ${size} bytes`);
    }
    const bytes = this.#take(4 + size);
    if (bytes === undefined) return false;
    this.#skippableBytes += size;
    this.#skippable.push(bytes.slice(4));
    this.#state = "magic";
    return true;
  }

  #readDescriptor(): boolean {
    const flags = this.#input[0];
    if (flags === undefined) return false;
    const size = 3 + ((flags & 8) === 0 ? 0 : 8) + ((flags & 1) === 0 ? 0 : 4);
    const bytes = this.#take(size);
    if (bytes === undefined) return false;
    this.#descriptor = this.#parseDescriptor(bytes);
    this.#state = "block-size";
    return true;
  }

  #parseDescriptor(bytes: Uint8Array): FrameDescriptor {
    const view = viewOf(bytes);
    const flags = view.getUint8(0);
    const sizes = view.getUint8(1);
    const sizeCode = (sizes >> 4) & 7;
    if (((xxh32(bytes.subarray(0, bytes.byteLength - 1)) >> 8) & 255) !== bytes.at(-1)) {
      throw this.#error("header-checksum", "the frame header's checksum is wrong");
    }
    if (flags >> 6 !== 1 || (flags & 2) !== 0 || (sizes & 0x8f) !== 0 || sizeCode < 4) {
      throw this.#error("bad-header", "the frame header is not of a version that is known");
    }
    if ((flags & 1) !== 0) throw this.#error("unsupported", "the frame needs a dictionary");
    return {
      independent: (flags & 0x20) !== 0,
      blockChecksums: (flags & 0x10) !== 0,
      contentBytes: (flags & 8) === 0 ? undefined : Number(view.getBigUint64(2, true)),
      contentChecksum: (flags & 4) !== 0,
      maxBlockBytes: 1 << (8 + 2 * sizeCode),
    };
  }

  get #frame(): FrameDescriptor {
    if (this.#descriptor === undefined) throw new Error("no frame descriptor was read");
    return this.#descriptor;
  }

  #readBlockSize(): boolean {
    const bytes = this.#take(4);
    if (bytes === undefined) return false;
    this.#blockHeader = viewOf(bytes).getUint32(0, true);
    if (this.#blockHeader === 0) {
      this.#state = "content-checksum";
      return true;
    }
    if ((this.#blockHeader & 0x7fffffff) > this.#frame.maxBlockBytes) {
      throw this.#error("block-too-large", `a block of ${this.#blockHeader & 0x7fffffff} stored bytes`);
    }
    this.#state = "block";
    return true;
  }

  #readBlock(out: Uint8Array[]): boolean {
    const size = this.#blockHeader & 0x7fffffff;
    const bytes = this.#take(size + (this.#frame.blockChecksums ? 4 : 0));
    if (bytes === undefined) return false;
    const stored = bytes.subarray(0, size);
    if (this.#frame.blockChecksums && xxh32(stored) !== viewOf(bytes).getUint32(size, true)) {
      throw this.#error("block-checksum", "a block's checksum is wrong");
    }
    const plain = this.#decode(stored);
    this.#plainBytes += plain.byteLength;
    this.#checksum.update(plain);
    if (plain.byteLength > 0) out.push(plain);
    this.#state = "block-size";
    return true;
  }

  #decode(stored: Uint8Array): Uint8Array {
    const { independent, maxBlockBytes } = this.#frame;
    const raw = (this.#blockHeader & STORED_RAW) !== 0;
    if (independent && raw) return stored.slice();
    const before = independent ? 0 : this.#window.byteLength;
    // One scratch for all blocks: a fresh array of the largest block's size, zeroed each time, costs more than the copy.
    this.#scratch ??= new Uint8Array(LINKED_WINDOW_BYTES + maxBlockBytes);
    const target = this.#scratch.subarray(0, before + maxBlockBytes);
    target.set(this.#window.subarray(0, before));
    let end = before + stored.byteLength;
    if (raw) target.set(stored, before);
    else end = decompressBlock(stored, target, before);
    if (end < 0) throw this.#error("bad-block", "a block does not decode");
    const plain = target.slice(before, end);
    if (!independent) this.#window = target.slice(Math.max(0, end - LINKED_WINDOW_BYTES), end);
    return plain;
  }

  #readContentChecksum(): boolean {
    const { contentChecksum, contentBytes } = this.#frame;
    const bytes = this.#take(contentChecksum ? 4 : 0);
    if (bytes === undefined) return false;
    if (contentChecksum && viewOf(bytes).getUint32(0, true) !== this.#checksum.digest()) {
      throw this.#error("content-checksum", "the content's checksum is wrong");
    }
    if (contentBytes !== undefined && contentBytes !== this.#plainBytes) {
      throw this.#error("content-size", `the frame holds ${this.#plainBytes} bytes and says ${contentBytes}`);
    }
    this.#state = "done";
    return true;
  }

  #readNothing(): boolean {
    if (this.#input.byteLength === 0) return false;
    if (this.#input.byteLength >= 4 && viewOf(this.#input).getUint32(0, true) === FRAME_MAGIC) {
      throw this.#error("joined-frames", "a second frame begins");
    }
    throw this.#error("trailing-bytes", "there are bytes behind the frame");
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

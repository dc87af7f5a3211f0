// Writing LZ4 frames, in the one form that both lines of Litestream read (formats.md A3); `lz4-decoder.ts` reads.
import { BufferPool } from "./buffer-pool.ts";
import { compressBlock } from "./lz4-block.ts";
import {
  FRAME_HEADER,
  MAX_SKIPPABLE_BYTES,
  SKIPPABLE_HEAD_BYTES,
  SKIPPABLE_MAGIC,
  STORED_RAW,
  viewOf,
} from "./lz4-format.ts";
import { Xxh32 } from "./xxh32.ts";

export { Lz4FrameDecoder } from "./lz4-decoder.ts";

/** Smaller than the header allows: a quarter of the memory, for 0.2 % of the size on WAL data (256 KiB: 1.1 %). */
const BLOCK_BYTES = 1 << 20;
/** A segment is often one transaction: its buffer begins small and doubles. */
const FIRST_BUFFER_BYTES = 64 << 10;
const NOTHING = new Uint8Array(0);
const blocks = new BufferPool(BLOCK_BYTES, 4);

/**
 * Wraps bytes that LZ4 readers pass over, to stand before the frame. Litestream 0.3.13 and 0.5.17 restore objects that
 * begin so, and 0.3.13 goes on with such a replica. `nibble` (0-15) is free. Throws RangeError for more than the decoder takes.
 */
export function encodeSkippableFrame(payload: Uint8Array, nibble = 0): Uint8Array {
  const size = SKIPPABLE_HEAD_BYTES + payload.byteLength;
  if (size > MAX_SKIPPABLE_BYTES)
    throw new RangeError(`a skippable frame of ${size} bytes is above ${MAX_SKIPPABLE_BYTES}`);
  if (!Number.isInteger(nibble) || nibble < 0 || nibble > 15)
    throw new RangeError(`a nibble is 0 to 15, not ${nibble}`);
  const frame = new Uint8Array(size);
  const view = viewOf(frame);
  view.setUint32(0, SKIPPABLE_MAGIC | nibble, true);
  view.setUint32(4, payload.byteLength, true);
  frame.set(payload, SKIPPABLE_HEAD_BYTES);
  return frame;
}

/** Writes one frame. Holds at most one block of 1 MiB, whatever goes through it; what it hands out is fresh memory. */
export class Lz4FrameEncoder {
  #block: Uint8Array = NOTHING;
  #filled = 0;
  readonly #checksum = new Xxh32();
  #state: "new" | "open" | "ended" = "new";

  /** Takes the next bytes, which the caller may change afterwards; hands out what is ready. */
  update(chunk: Uint8Array): Uint8Array[] {
    const out = this.#begin();
    this.#checksum.update(chunk);
    let at = 0;
    while (at < chunk.byteLength) {
      const take = Math.min(BLOCK_BYTES - this.#filled, chunk.byteLength - at);
      const bytes = chunk.subarray(at, at + take);
      at += take;
      if (take === BLOCK_BYTES) out.push(storedBlock(bytes));
      else {
        this.#keep(bytes);
        if (this.#filled === BLOCK_BYTES) out.push(this.#flush());
      }
    }
    return out;
  }

  /** Ends the frame with its EndMark and the content's checksum. */
  end(): Uint8Array[] {
    const out = this.#begin();
    this.#state = "ended";
    if (this.#filled > 0) out.push(this.#flush());
    if (this.#block.byteLength === BLOCK_BYTES) blocks.give(this.#block);
    this.#block = NOTHING;
    const tail = new Uint8Array(8);
    viewOf(tail).setUint32(4, this.#checksum.digest(), true);
    out.push(tail);
    return out;
  }

  #begin(): Uint8Array[] {
    if (this.#state === "ended") throw new Error("the LZ4 frame has ended");
    if (this.#state === "open") return [];
    this.#state = "open";
    return [Uint8Array.from(FRAME_HEADER)];
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#filled + bytes.byteLength;
    if (needed > this.#block.byteLength) {
      // A little is held in little: a thousand shards ship a page each.
      const grown = needed <= FIRST_BUFFER_BYTES ? new Uint8Array(FIRST_BUFFER_BYTES) : blocks.take();
      grown.set(this.#block.subarray(0, this.#filled));
      this.#block = grown;
    }
    this.#block.set(bytes, this.#filled);
    this.#filled = needed;
  }

  #flush(): Uint8Array {
    const stored = storedBlock(this.#block.subarray(0, this.#filled));
    this.#filled = 0;
    return stored;
  }
}

// Size and bytes of a block; raw where compression does not help.
function storedBlock(plain: Uint8Array): Uint8Array {
  const compressed = compressBlock(plain);
  const bytes = compressed ?? plain;
  const stored = new Uint8Array(4 + bytes.byteLength);
  viewOf(stored).setUint32(0, compressed === undefined ? bytes.byteLength + STORED_RAW : bytes.byteLength, true);
  stored.set(bytes, 4);
  return stored;
}

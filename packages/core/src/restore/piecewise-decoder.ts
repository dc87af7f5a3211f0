// Decodes an object in pieces of bounded size, whatever its bytes expand to.
import { letGo } from "../codec/let-go.ts";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";

/** Plain bytes in a piece; a block more, at most. WAL compresses to a third: a batch of it is one piece. */
const PIECE_BYTES = 4 << 20;

export interface DecodedPiece {
  readonly parts: readonly Uint8Array[];
  /** What was pushed holds more: ask for the rest before pushing again. */
  readonly more: boolean;
}

const NOTHING: DecodedPiece = { parts: [], more: false };

/** Throws `Lz4Error` for anything that is not exactly one whole frame. */
export class PiecewiseDecoder {
  readonly #decoder = new Lz4FrameDecoder();
  #blocks: Iterator<Uint8Array, void> | undefined;
  #chunk: Uint8Array | undefined;

  get skippable(): readonly Uint8Array[] {
    return this.#decoder.skippable;
  }

  /** Takes the chunk over, with its buffer. */
  push(chunk: Uint8Array): DecodedPiece {
    this.#chunk = chunk;
    this.#blocks = this.#decoder.blocks(chunk);
    return this.rest();
  }

  /** The next piece of what was pushed. */
  rest(): DecodedPiece {
    const parts: Uint8Array[] = [];
    for (let bytes = 0; bytes < PIECE_BYTES;) {
      const next = this.#blocks?.next();
      if (next === undefined || next.done === true) {
        this.#blocks = undefined;
        if (this.#chunk !== undefined) letGo(this.#chunk);
        this.#chunk = undefined;
        return { parts, more: false };
      }
      parts.push(next.value);
      bytes += next.value.byteLength;
    }
    return { parts, more: true };
  }

  end(): DecodedPiece {
    this.#decoder.end();
    return NOTHING;
  }
}

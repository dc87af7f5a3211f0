// Byte streams: those that own something which must be let go however the reader leaves, the empty one, and ranges.
import type { ByteStream } from "./client.ts";

/**
 * The chunks as a stream that calls `release` exactly once: at the end, at a failure, or when the reader leaves, also
 * before the first chunk (a generator that was never begun does not run its `finally`).
 */
export function releasing(chunks: AsyncIterator<Uint8Array>, release: () => void | Promise<void>): ByteStream {
  return new ReleasingStream(chunks, release);
}

/** The stream of an object, or of a range, without bytes. */
export async function* noBytes(): AsyncGenerator<Uint8Array> {}

/** The value of HTTP's Range header (RFC 9110 section 14.2); undefined for the whole object. `length` is above 0. */
export function rangeHeader(offset: number, length: number | undefined): string | undefined {
  if (length !== undefined && length !== Infinity) return `bytes=${offset}-${offset + length - 1}`;
  return offset === 0 ? undefined : `bytes=${offset}-`;
}

class ReleasingStream implements AsyncIterableIterator<Uint8Array> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #release: (() => void | Promise<void>) | undefined;

  constructor(chunks: AsyncIterator<Uint8Array>, release: () => void | Promise<void>) {
    this.#chunks = chunks;
    this.#release = release;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await this.#chunks.next();
    } catch (error) {
      await this.#letGo();
      throw error;
    }
    if (next.done === true) await this.#letGo();
    return next;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    try {
      await this.#chunks.return?.();
    } finally {
      await this.#letGo();
    }
    return { done: true, value: undefined };
  }

  async #letGo(): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    await release?.();
  }
}

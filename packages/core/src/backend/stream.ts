// Byte streams that own something which must be let go however the reader leaves.
import type { ByteStream } from "./client.ts";

/**
 * The chunks as a stream that calls `release` exactly once: at the end, at a failure, or when the reader leaves, also
 * before the first chunk (a generator that was never begun does not run its `finally`).
 */
export function releasing(chunks: AsyncIterator<Uint8Array>, release: () => void | Promise<void>): ByteStream {
  return new ReleasingStream(chunks, release);
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

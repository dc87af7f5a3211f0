// A stream that is taken in pieces of the reader's own sizes.

export class ByteQueue {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  /** Bytes that can be taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reads on until so many bytes can be taken; false: the stream ends before. */
  async fill(bytes: number): Promise<boolean> {
    while (this.#bytes < bytes && !this.#ended) {
      const next = await this.#source.next();
      if (next.done === true) {
        this.#ended = true;
      } else if (next.value.byteLength > 0) {
        this.#chunks.push(next.value);
        this.#bytes += next.value.byteLength;
      }
    }
    return this.#bytes >= bytes;
  }

  /** The next bytes, which stay in the queue. No more than are there. */
  peek(bytes: number): Uint8Array {
    const [first] = this.#chunks;
    if (first !== undefined && first.byteLength >= bytes) return first.subarray(0, bytes);
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]?.subarray(0, bytes) ?? new Uint8Array(0);
  }

  /** The next bytes. No more than are there. */
  take(bytes: number): Uint8Array {
    const taken = this.peek(bytes);
    const [first] = this.#chunks;
    if (first === undefined) return taken;
    if (first.byteLength === taken.byteLength) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(taken.byteLength);
    this.#bytes -= taken.byteLength;
    return taken;
  }
}

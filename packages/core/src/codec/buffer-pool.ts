// Buffers of one size that are used again and again: a megabyte that is allocated for each segment makes V8 collect its whole
// heap twice a second.

/** Keeps up to `kept` buffers that nobody uses. */
export class BufferPool {
  readonly #bytes: number;
  readonly #kept: number;
  readonly #free: Uint8Array[] = [];

  constructor(bytes: number, kept: number) {
    this.#bytes = bytes;
    this.#kept = kept;
  }

  /** Holds whatever it held before. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.#bytes);
  }

  /** Nobody may use it any more. One that is never given back is collected like any other. */
  give(buffer: Uint8Array): void {
    if (this.#free.length < this.#kept) this.#free.push(buffer);
  }
}

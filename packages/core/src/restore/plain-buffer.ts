// Plain bytes of an object that is decoded in place, held back until its checksum was looked at: damage of the store is then
// told as that, and not by what the bytes became.

/** An object that expands to more is handed out before its end. */
const MOST_BYTES = 4 << 20;
const FIRST_BYTES = 64 << 10;

/** Memory that is used again for the next object. */
export class PlainBuffer {
  #bytes = new Uint8Array(FIRST_BYTES);
  #filled = 0;

  /** Copies; what no longer fits is handed out first. Not more than 4 MiB at a time. */
  add(plain: Uint8Array, take: (plain: Uint8Array) => void): void {
    if (this.#filled + plain.byteLength > MOST_BYTES) this.flush(take);
    const needed = this.#filled + plain.byteLength;
    if (needed > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.byteLength));
      grown.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = grown;
    }
    this.#bytes.set(plain, this.#filled);
    this.#filled = needed;
  }

  /** Hands out what is held. */
  flush(take: (plain: Uint8Array) => void): void {
    const held = this.#bytes.subarray(0, this.#filled);
    this.#filled = 0;
    if (held.byteLength > 0) take(held);
  }

  /** Forgets what is held. */
  clear(): void {
    this.#filled = 0;
  }
}

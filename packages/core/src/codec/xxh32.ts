// xxHash32 with seed 0, fed in pieces: the content checksum of an LZ4 frame.

const PRIME1 = 0x9e3779b1 | 0;
const PRIME2 = 0x85ebca77 | 0;
const PRIME3 = 0xc2b2ae3d | 0;
const PRIME4 = 0x27d4eb2f | 0;
const PRIME5 = 0x165667b1 | 0;
const STRIPE_BYTES = 16;

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function mixed(lane: number, word: number): number {
  return Math.imul(rotated((lane + Math.imul(word, PRIME2)) | 0, 13), PRIME1);
}

export class Xxh32 {
  #a = (PRIME1 + PRIME2) | 0;
  #b = PRIME2;
  #c = 0;
  #d = -PRIME1 | 0;
  #bytes = 0;
  readonly #rest = new Uint8Array(STRIPE_BYTES);
  #resting = 0;

  update(chunk: Uint8Array): this {
    this.#bytes += chunk.byteLength;
    let at = 0;
    if (this.#resting > 0) {
      at = Math.min(STRIPE_BYTES - this.#resting, chunk.byteLength);
      this.#rest.set(chunk.subarray(0, at), this.#resting);
      this.#resting += at;
      if (this.#resting < STRIPE_BYTES) return this;
      this.#stripes(this.#rest);
      this.#resting = 0;
    }
    const whole = at + ((chunk.byteLength - at) & ~(STRIPE_BYTES - 1));
    if (whole > at) this.#stripes(chunk.subarray(at, whole));
    this.#rest.set(chunk.subarray(whole));
    this.#resting = chunk.byteLength - whole;
    return this;
  }

  #stripes(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let a = this.#a;
    let b = this.#b;
    let c = this.#c;
    let d = this.#d;
    for (let at = 0; at < bytes.byteLength; at += STRIPE_BYTES) {
      a = mixed(a, view.getInt32(at, true));
      b = mixed(b, view.getInt32(at + 4, true));
      c = mixed(c, view.getInt32(at + 8, true));
      d = mixed(d, view.getInt32(at + 12, true));
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  /** The hash of everything fed so far, as an unsigned 32-bit number. */
  digest(): number {
    let hash =
      this.#bytes >= STRIPE_BYTES
        ? (rotated(this.#a, 1) + rotated(this.#b, 7) + rotated(this.#c, 12) + rotated(this.#d, 18)) | 0
        : PRIME5;
    hash = (hash + this.#bytes) | 0;
    const view = new DataView(this.#rest.buffer);
    let at = 0;
    for (; at + 4 <= this.#resting; at += 4) {
      hash = Math.imul(rotated((hash + Math.imul(view.getInt32(at, true), PRIME3)) | 0, 17), PRIME4);
    }
    for (; at < this.#resting; at++) {
      hash = Math.imul(rotated((hash + Math.imul(this.#rest[at] ?? 0, PRIME5)) | 0, 11), PRIME1);
    }
    hash = Math.imul(hash ^ (hash >>> 15), PRIME2);
    hash = Math.imul(hash ^ (hash >>> 13), PRIME3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}

export function xxh32(bytes: Uint8Array): number {
  return new Xxh32().update(bytes).digest();
}

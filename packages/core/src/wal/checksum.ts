// The WAL's running checksum (SQLite file format, section 4.2): two 32-bit sums over pairs of 32-bit words.

/** The two halves of the running checksum, as unsigned 32-bit numbers. */
export interface WalChecksum {
  readonly s1: number;
  readonly s2: number;
}

export const ZERO_CHECKSUM: WalChecksum = { s1: 0, s2: 0 };

/**
 * A running checksum that is moved on in place: the inner loop of everything that reads a WAL, so it allocates nothing.
 * Lengths must be multiples of 8 bytes.
 */
export class RunningChecksum {
  s1: number;
  s2: number;
  readonly #littleEndian: boolean;

  /** `littleEndian` is the order of the words as the header's magic number has it, not the machine's. */
  constructor(littleEndian: boolean, start: WalChecksum = ZERO_CHECKSUM) {
    this.#littleEndian = littleEndian;
    this.s1 = start.s1 | 0;
    this.s2 = start.s2 | 0;
  }

  /** Adds `length` bytes of `view` from `offset`. DataView: no demand on alignment, and as fast as Int32Array. */
  add(view: DataView, offset: number, length: number): void {
    let s1 = this.s1;
    let s2 = this.s2;
    const end = offset + length;
    if (this.#littleEndian) {
      for (let at = offset; at < end; at += 8) {
        s1 = (s1 + view.getInt32(at, true) + s2) | 0;
        s2 = (s2 + view.getInt32(at + 4, true) + s1) | 0;
      }
    } else {
      for (let at = offset; at < end; at += 8) {
        s1 = (s1 + view.getInt32(at, false) + s2) | 0;
        s2 = (s2 + view.getInt32(at + 4, false) + s1) | 0;
      }
    }
    this.s1 = s1;
    this.s2 = s2;
  }

  /** Whether the eight bytes at `offset` (always big-endian, whatever the words' order) hold this checksum. */
  matches(view: DataView, offset: number): boolean {
    return view.getInt32(offset, false) === this.s1 && view.getInt32(offset + 4, false) === this.s2;
  }

  get value(): WalChecksum {
    return { s1: this.s1 >>> 0, s2: this.s2 >>> 0 };
  }

  reset(to: WalChecksum): void {
    this.s1 = to.s1 | 0;
    this.s2 = to.s2 | 0;
  }
}

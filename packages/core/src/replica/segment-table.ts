// The segments of one generation as numbers: a million of them cost some forty megabytes, and are in order.
import { comparePlaces, type Generation } from "./position.ts";
import { GENERATIONS_PREFIX } from "./layout.ts";

export interface SegmentRecord {
  readonly index: number;
  /** Bytes into the uncompressed WAL file. */
  readonly offset: number;
  /** Bytes as stored. */
  readonly size: number;
  readonly modifiedAt: Date;
}

/** How many hexadecimal digits a name has for its offset: eight as written, up to sixteen as read (formats.md C2). */
const USUAL_WIDTH = 8;
/** Of a segment: index, offset, size, modified, width. */
const COLUMNS = 5;
const FEW = 64;
const INDEX = 0;
const OFFSET = 1;
const SIZE = 2;
const MODIFIED = 3;
const WIDTH = 4;

/** Segments in ascending order of (index, offset), by number. Immutable once `sorted` was called. */
export class SegmentTable {
  readonly generation: Generation;
  // Most generations are small, and typed arrays large when they hold little.
  #numbers: number[] | Float64Array<ArrayBuffer> = [];
  #length = 0;

  constructor(generation: Generation) {
    this.generation = generation;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a segment in any order; `width` is the number of digits its offset has in the name. */
  add({ index, offset, size, modifiedAt }: SegmentRecord, width: number = USUAL_WIDTH): void {
    const numbers = this.#roomy();
    const at = this.#length * COLUMNS;
    numbers[at + INDEX] = index;
    numbers[at + OFFSET] = offset;
    numbers[at + SIZE] = size;
    numbers[at + MODIFIED] = modifiedAt.getTime();
    numbers[at + WIDTH] = width;
    this.#length += 1;
  }

  /** Puts the segments in order. A listing is mostly in order already: names of one width sort as their numbers do. */
  sort(): this {
    const compare = (a: number, b: number): number =>
      this.indexAt(a) - this.indexAt(b) ||
      this.offsetAt(a) - this.offsetAt(b) ||
      this.#of(WIDTH, a) - this.#of(WIDTH, b);
    let sorted = true;
    for (let at = 1; sorted && at < this.#length; at++) sorted = compare(at - 1, at) <= 0;
    if (sorted) return this;
    const order = Uint32Array.from({ length: this.#length }, (_, at) => at).sort(compare);
    const numbers = new Float64Array(this.#length * COLUMNS);
    for (const [to, at] of order.entries())
      for (let column = 0; column < COLUMNS; column++) numbers[to * COLUMNS + column] = this.#of(column, at);
    this.#numbers = numbers;
    return this;
  }

  indexAt(at: number): number {
    return this.#of(INDEX, at);
  }

  offsetAt(at: number): number {
    return this.#of(OFFSET, at);
  }

  sizeAt(at: number): number {
    return this.#of(SIZE, at);
  }

  /** Milliseconds since 1970, by the store's clock. */
  modifiedMsAt(at: number): number {
    return this.#of(MODIFIED, at);
  }

  /** The key as listed, which may have more digits than `segmentKey` writes. */
  keyAt(at: number): string {
    const index = this.indexAt(at).toString(16).padStart(8, "0");
    const offset = this.offsetAt(at).toString(16).padStart(this.#of(WIDTH, at), "0");
    return `${GENERATIONS_PREFIX}${this.generation}/wal/${index}_${offset}.wal.lz4`;
  }

  /** One segment; a negative number counts from the end. `undefined`: there is none. */
  at(at: number): SegmentRecord | undefined {
    const place = at < 0 ? this.#length + at : at;
    if (place < 0 || place >= this.#length) return undefined;
    return {
      index: this.indexAt(place),
      offset: this.offsetAt(place),
      size: this.sizeAt(place),
      modifiedAt: new Date(this.modifiedMsAt(place)),
    };
  }

  /** The first place at or after (index, offset), by binary search; `length` where there is none. */
  firstFrom(index: number, offset: number = 0): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const here = { index: this.indexAt(middle), offset: this.offsetAt(middle) };
      if (comparePlaces(here, { index, offset }) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  *[Symbol.iterator](): Generator<SegmentRecord> {
    for (let at = 0; at < this.#length; at++) {
      const segment = this.at(at);
      if (segment !== undefined) yield segment;
    }
  }

  #of(column: number, at: number): number {
    const value = at < 0 || at >= this.#length ? undefined : this.#numbers[at * COLUMNS + column];
    if (value === undefined) throw new RangeError(`segment ${at} of ${this.#length}`);
    return value;
  }
  /** With room for one more segment. */
  #roomy(): number[] | Float64Array<ArrayBuffer> {
    if (Array.isArray(this.#numbers) ? this.#length < FEW : this.#length * COLUMNS < this.#numbers.length)
      return this.#numbers;
    const grown = new Float64Array(this.#length * 2 * COLUMNS);
    grown.set(this.#numbers);
    return (this.#numbers = grown);
  }
}

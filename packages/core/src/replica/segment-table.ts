// The segments of one generation as columns: a million of them cost some thirty megabytes, and are in order.
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
/** A hostile listing may have a million generations with one segment each. */
const FIRST_LENGTH = 4;
const EMPTY_32: Uint32Array<ArrayBuffer> = new Uint32Array(0);
const EMPTY_64: Float64Array<ArrayBuffer> = new Float64Array(0);
const EMPTY_8: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Segments in ascending order of (index, offset), by number. Immutable once `sorted` was called. */
export class SegmentTable {
  readonly generation: Generation;
  #length = 0;
  #index: Uint32Array<ArrayBuffer> = EMPTY_32;
  #offset: Float64Array<ArrayBuffer> = EMPTY_64;
  #size: Float64Array<ArrayBuffer> = EMPTY_64;
  #modified: Float64Array<ArrayBuffer> = EMPTY_64;
  #width: Uint8Array<ArrayBuffer> = EMPTY_8;

  constructor(generation: Generation) {
    this.generation = generation;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a segment in any order; `width` is the number of digits its offset has in the name. */
  add(segment: SegmentRecord, width: number = USUAL_WIDTH): void {
    const at = this.#length;
    if (at === this.#index.length) this.#grow(Math.max(FIRST_LENGTH, at * 2));
    this.#index[at] = segment.index;
    this.#offset[at] = segment.offset;
    this.#size[at] = segment.size;
    this.#modified[at] = segment.modifiedAt.getTime();
    this.#width[at] = width;
    this.#length = at + 1;
  }

  /** Puts the columns in order. A listing is mostly in order already: names of one width sort as their numbers do. */
  sort(): this {
    const compare = (a: number, b: number): number =>
      this.indexAt(a) - this.indexAt(b) ||
      this.offsetAt(a) - this.offsetAt(b) ||
      this.#of(this.#width, a) - this.#of(this.#width, b);
    let sorted = true;
    for (let at = 1; sorted && at < this.#length; at++) sorted = compare(at - 1, at) <= 0;
    if (sorted) return this;
    const order = Uint32Array.from({ length: this.#length }, (_, at) => at).sort(compare);
    this.#index = this.#index.map((_, at) => this.#index[order[at] ?? at] ?? 0);
    this.#offset = this.#offset.map((_, at) => this.#offset[order[at] ?? at] ?? 0);
    this.#size = this.#size.map((_, at) => this.#size[order[at] ?? at] ?? 0);
    this.#modified = this.#modified.map((_, at) => this.#modified[order[at] ?? at] ?? 0);
    this.#width = this.#width.map((_, at) => this.#width[order[at] ?? at] ?? 0);
    return this;
  }

  indexAt(at: number): number {
    return this.#of(this.#index, at);
  }

  offsetAt(at: number): number {
    return this.#of(this.#offset, at);
  }

  sizeAt(at: number): number {
    return this.#of(this.#size, at);
  }

  /** Milliseconds since 1970, by the store's clock. */
  modifiedMsAt(at: number): number {
    return this.#of(this.#modified, at);
  }

  /** The key as listed, which may have more digits than `segmentKey` writes. */
  keyAt(at: number): string {
    const index = this.indexAt(at).toString(16).padStart(8, "0");
    const offset = this.offsetAt(at).toString(16).padStart(this.#of(this.#width, at), "0");
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

  #of(column: Uint32Array | Float64Array | Uint8Array, at: number): number {
    const value = at < this.#length ? column[at] : undefined;
    if (value === undefined) throw new RangeError(`segment ${at} of ${this.#length}`);
    return value;
  }

  #grow(to: number): void {
    const index = new Uint32Array(to);
    const offset = new Float64Array(to);
    const size = new Float64Array(to);
    const modified = new Float64Array(to);
    const width = new Uint8Array(to);
    index.set(this.#index);
    offset.set(this.#offset);
    size.set(this.#size);
    modified.set(this.#modified);
    width.set(this.#width);
    this.#index = index;
    this.#offset = offset;
    this.#size = size;
    this.#modified = modified;
    this.#width = width;
  }
}

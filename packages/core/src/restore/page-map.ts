// Which frame holds the version of each page that will be written: the last committed one. Four bytes a page.

/** Small, since hostile frames may name pages far apart: a kilobyte for each, at the most. */
const CHUNK_BITS = 8;
const CHUNK_PAGES = 1 << CHUNK_BITS;

/**
 * Follows frames as SQLite's checkpoints apply them, index by index (formats.md A5.5): within one index the last
 * version of a page wins, and only at its end are pages past the database's size dropped.
 */
export class PageMap {
  /** Frame number + 1 by page number; chunks exist where pages were written. */
  readonly #chunks: (Uint32Array | undefined)[] = [];
  /** Pages of the frames after the last commit; their frame numbers follow one another. */
  #open: Uint32Array = new Uint32Array(1024);
  #openCount = 0;
  #openFrom = 0;
  #committedPages: number | undefined;
  #sizePages: number | undefined;
  #keptPages = Number.POSITIVE_INFINITY;

  /** Frames after the last commit. */
  get openFrames(): number {
    return this.#openCount;
  }

  /** Pages of the database after the last index that held a commit; `undefined`: none did. */
  get sizePages(): number | undefined {
    return this.#sizePages;
  }

  /** Pages of the snapshot that count: what a shrunk database lost does not come back when it grows again. */
  get keptPages(): number {
    return this.#keptPages;
  }

  /** Takes the next frame. `frame` counts all frames from 0. `commitPages` as the frame's header has it. */
  add(page: number, commitPages: number, frame: number): void {
    if (this.#openCount === 0) this.#openFrom = frame;
    if (this.#openCount === this.#open.length) {
      const grown = new Uint32Array(this.#openCount * 2);
      grown.set(this.#open);
      this.#open = grown;
    }
    this.#open[this.#openCount++] = page;
    if (commitPages === 0) return;
    for (let at = 0; at < this.#openCount; at++) this.#put(this.#open[at] ?? 0, this.#openFrom + at);
    this.#openCount = 0;
    this.#committedPages = commitPages;
  }

  /** Ends an index: frames after its last commit are forgotten, pages past the database's size dropped. */
  endIndex(): void {
    this.#openCount = 0;
    const pages = this.#committedPages;
    this.#committedPages = undefined;
    if (pages === undefined) return;
    this.#sizePages = pages;
    this.#keptPages = Math.min(this.#keptPages, pages);
    this.#dropAbove(pages);
  }

  /** Whether this frame is the one to be written for its page. */
  isLast(page: number, frame: number): boolean {
    return this.#chunks[page >>> CHUNK_BITS]?.[page & (CHUNK_PAGES - 1)] === frame + 1;
  }

  /** How many pages will be written. Costs a walk over the map. */
  countPages(): number {
    let count = 0;
    for (const chunk of this.#chunks) if (chunk !== undefined) for (const frame of chunk) if (frame !== 0) count++;
    return count;
  }

  #put(page: number, frame: number): void {
    const number = page >>> CHUNK_BITS;
    const chunk = (this.#chunks[number] ??= new Uint32Array(CHUNK_PAGES));
    chunk[page & (CHUNK_PAGES - 1)] = frame + 1;
  }

  #dropAbove(pages: number): void {
    const last = pages >>> CHUNK_BITS;
    this.#chunks[last]?.fill(0, (pages & (CHUNK_PAGES - 1)) + 1);
    if (this.#chunks.length > last + 1) this.#chunks.length = last + 1;
  }
}

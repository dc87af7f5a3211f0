// Holds the proven frames of a restore and writes each page once: the last committed version, at its place.
import { setImmediate as turn } from "node:timers/promises";
import { LitewakeError } from "../errors.ts";
import { FRAME_HEADER_BYTES, frameBytes } from "../wal/frame.ts";
import { FrameSpool } from "./frame-spool.ts";
import type { OutputFile } from "./output-file.ts";
import { PageMap } from "./page-map.ts";
import type { ProvenFrames } from "./wal-verifier.ts";

/** The thread is given back after this long, so that signals and progress live. */
const SLICE_MS = 20;
const MAX_PARTS = 512;

/** Memory: 8 MiB of frames, then a nameless file beside the output; four bytes a page of the map. */
export class WalPages implements ProvenFrames, Disposable {
  readonly #output: OutputFile;
  readonly #map = new PageMap();
  #spool: FrameSpool | undefined;
  #pageSize = 0;
  #frames = 0;

  constructor(output: OutputFile) {
    this.#output = output;
  }

  begin(pageSize: number): void {
    this.#pageSize = pageSize;
    this.#spool = new FrameSpool(this.#output.spoolPath, frameBytes(pageSize));
  }

  frame(page: number, commitPages: number): void {
    this.#map.add(page, commitPages, this.#frames++);
  }

  bytes(frames: Uint8Array): void {
    this.#spool?.add(frames);
  }

  endIndex(): void {
    this.#map.endIndex();
  }

  /**
   * Writes the pages over the snapshot's and gives the file its size. The page of the lock byte is in no WAL: where the
   * file grows over it, it is zeros.
   */
  async apply(
    snapshotBytes: number,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number; readonly writtenBytes: number }> {
    const pages = this.#map.sizePages;
    const spool = this.#spool;
    if (pages === undefined || spool === undefined) return { sizeBytes: snapshotBytes, writtenBytes: 0 };
    this.#refuseBoundless(pages, snapshotBytes);
    // What an index cut off does not come back when a later one makes the database grow over it.
    const kept = this.#map.keptPages * this.#pageSize;
    if (kept < snapshotBytes) await this.#output.truncate(kept);
    await this.#output.truncate(pages * this.#pageSize);
    let written = 0;
    let since = performance.now();
    for (let block = 0; block < spool.blockCount; block++) {
      const last = this.#lastVersions(spool.readBlock(block), block * spool.blockFrames);
      for (const run of runs(last, MAX_PARTS)) {
        this.#output.writeNow(run.parts, (run.page - 1) * this.#pageSize);
        written += run.parts.length;
        if (performance.now() - since < SLICE_MS) continue;
        await turn();
        signal.throwIfAborted();
        since = performance.now();
      }
    }
    return { sizeBytes: pages * this.#pageSize, writtenBytes: written * this.#pageSize };
  }

  /**
   * A page is new only by a frame of its own, or as a free one that a frame's page lists: a trunk of the free list has four
   * bytes for each (SQLite file format, 1.5). No WAL makes a database grow further.
   */
  #refuseBoundless(pages: number, snapshotBytes: number): void {
    const most = Math.ceil(snapshotBytes / this.#pageSize) + 1 + this.#frames * (1 + this.#pageSize / 4);
    if (pages <= most) return;
    throw new LitewakeError(
      "damaged",
      `the last commit says that the database has ${pages} pages, where its snapshot and ${this.#frames} frames hold no more than ${most}`,
    );
  }

  [Symbol.dispose](): void {
    this.#spool?.[Symbol.dispose]();
  }

  #lastVersions(block: Uint8Array, firstFrame: number): PageVersion[] {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const size = frameBytes(this.#pageSize);
    const last: PageVersion[] = [];
    for (let at = 0, frame = firstFrame; at + size <= block.byteLength; at += size, frame++) {
      const page = view.getUint32(at);
      if (this.#map.isLast(page, frame)) {
        last.push({ page, bytes: block.subarray(at + FRAME_HEADER_BYTES, at + size) });
      }
    }
    return last.sort((a, b) => a.page - b.page);
  }
}

interface PageVersion {
  readonly page: number;
  readonly bytes: Uint8Array;
}

// Neighbours are written in one call.
function* runs(
  sorted: readonly PageVersion[],
  limit: number,
): Generator<{ readonly page: number; readonly parts: readonly Uint8Array[] }> {
  let start = 0;
  for (let at = 1; at <= sorted.length; at++) {
    const first = sorted[start];
    if (first === undefined) return;
    if (at - start < limit && sorted[at]?.page === first.page + (at - start)) continue;
    yield { page: first.page, parts: sorted.slice(start, at).map(({ bytes }) => bytes) };
    start = at;
  }
}

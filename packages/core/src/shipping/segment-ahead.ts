// A long backlog: while one segment is put, a thread prepares the next. Only bytes are ahead; the order of puts stays the
// shipper's, and what was prepared is put only where the segment before it ended as it did then.
import { setTimeout as sleep } from "node:timers/promises";
import type { Epoch } from "../database/epoch.ts";
import type { WalFile } from "../database/wal-file.ts";
import { step } from "../steps.ts";
import { CUT_BYTES, type SegmentEnd, type SegmentSpan } from "./segment.ts";
import { prepareByThread } from "./segment-thread.ts";

/** From a backlog of so many bytes on. */
const LONG_BYTES = 2 * CUT_BYTES;
/** Prepared segments in the memory of this process at once, of all databases: some 16 MB each where nothing can be compressed. */
const MOST_IN_MEMORY = 4;
let inMemory = 0;
/** On a machine with nothing else to do it takes 40 ms. */
const PATIENCE_MS = 250;

export interface PreparedSegment extends Disposable {
  readonly body: Uint8Array;
  readonly end: SegmentEnd;
}

interface Preparing {
  readonly span: SegmentSpan;
  readonly prepared: Promise<PreparedSegment | undefined>;
}

/** How many prepared segments there are: none where nothing is shipped. */
export function segmentsInMemory(): number {
  return inMemory;
}

/** Of one replica. */
export class SegmentAhead {
  #next: Preparing | undefined;

  /**
   * The segment as the thread has prepared it, where the backlog is long; to be disposed of when it was put. `undefined`: it has
   * not, or what it has prepared ends past the span's limit.
   */
  async take(span: SegmentSpan, wal: WalFile): Promise<PreparedSegment | undefined> {
    if (this.#next === undefined || !isSameBeginning(this.#next.span, span)) {
      this.drop();
      if (span.limit - span.from < LONG_BYTES) return undefined;
      this.#begin(span, wal);
    }
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) return undefined;
    const prepared = await inTime(next.prepared);
    if (prepared !== undefined && prepared.end.end <= span.limit) return prepared;
    release(next);
    return undefined;
  }

  /** Begins to prepare the segment behind one that is about to be put, if up to `limit` it will be a whole one. */
  beginAfter(epoch: Epoch, { end, chain }: SegmentEnd, limit: number, wal: WalFile): void {
    if (limit - end < CUT_BYTES) return;
    this.#begin({ epoch, from: end, chain, limit, cutAt: end + CUT_BYTES, covered: false }, wal);
  }

  // Not of a closed WAL, which is read from what was kept of it, nor of a WAL's beginning, which may never have to be shipped.
  #begin(span: SegmentSpan, { databasePath }: WalFile): void {
    this.drop();
    const { epoch, from, chain, limit, cutAt } = span;
    if (chain === undefined || from === 0 || epoch.closed || epoch.spool !== undefined) return;
    if (inMemory === MOST_IN_MEMORY) return;
    inMemory++;
    const prepared = prepareByThread({ databasePath, pageSize: epoch.pageSize, from, chain, limit, cutAt }).then(
      (answer) => {
        if (answer !== undefined) return { ...answer, [Symbol.dispose]: () => void inMemory-- };
        inMemory--;
        return undefined;
      },
    );
    this.#next = { span, prepared };
    step("segment:ahead");
  }

  /** Forgets what was prepared. */
  drop(): void {
    if (this.#next !== undefined) release(this.#next);
    this.#next = undefined;
  }
}

function release({ prepared }: Preparing): void {
  void prepared.then((segment) => segment?.[Symbol.dispose]());
}

/** `undefined` also where it takes too long: the thread has a low priority, which on a busy machine may be next to nothing. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  const late = new AbortController();
  const patience = sleep(PATIENCE_MS, undefined, { signal: late.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, patience]);
  } finally {
    late.abort();
  }
}

function isSameBeginning(a: SegmentSpan, b: SegmentSpan): boolean {
  const [before, now] = [a.chain?.checksum, b.chain?.checksum];
  return a.epoch.number === b.epoch.number && a.from === b.from && before?.s1 === now?.s1 && before?.s2 === now?.s2;
}

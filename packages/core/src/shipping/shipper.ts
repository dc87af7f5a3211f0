// Ships one database's log to one replica: in order, each object acknowledged before the next.
import { setTimeout as sleep } from "node:timers/promises";
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { comparePlace, type Epoch, type LogPlace } from "../database/epoch.ts";
import { ContinuityLost } from "../database/continuity-lost.ts";
import { FreezeBroken } from "../database/frozen-copy.ts";
import { LitewakeError } from "../errors.ts";
import { segmentKey, snapshotKey } from "../replica/layout.ts";
import { type Generation, MAX_INDEX_BYTES, newGeneration, type Position } from "../replica/position.ts";
import { encodeProof, MAX_SUPERSEDED } from "../replica/proof.ts";
import { step } from "../steps.ts";
import type { ChainState } from "../wal/frame-chain.ts";
import type { PreviousEnd } from "./continuity.ts";
import { LastStored } from "./last-stored.ts";
import type { LogReader } from "./live-log.ts";
import { settleConflict, settleSnapshot, WrittenByAnother } from "./conflict.ts";
import { resume, type Resumed } from "./resume.ts";
import { FirstPutWatch } from "./first-put-watch.ts";
import { CUT_BYTES, type SegmentEnd, SegmentMoved, type SegmentSpan, segmentBytes } from "./segment.ts";
import { SegmentAhead } from "./segment-ahead.ts";
import { storedBody } from "./segment-body.ts";
import type { ShipperHost } from "./shipper-host.ts";
import { snapshotBody } from "./snapshot-body.ts";
import type { SnapshotLimits } from "./snapshot-limits.ts";

const UNSEEN_RETRY_MS = 2;

export interface ShipperTarget {
  /** The replica's name in the configuration. */
  readonly name: string;
  readonly client: ReplicaClient;
  /** Bytes of WAL that one index may hold before the next one must begin. */
  readonly maxIndexBytes?: number | undefined;
  /** Set by `Replication`, for all its replicas in one store. */
  readonly snapshots?: SnapshotLimits | undefined;
  /** A lease says that nobody else writes here: what another process has left in our place ends the generation, not us. */
  readonly leased?: boolean | undefined;
  /** A request of the lease's last owner may still be under way. */
  readonly isContested?: (() => boolean) | undefined;
}

/** Where a replica stands in the live log. */
interface Cursor extends LogPlace {
  /** The chain after the last byte acknowledged; `undefined` at the start of an index. */
  readonly chain: ChainState | undefined;
}

/** A place of the replica that a restore reaches exactly, and the snapshot to begin it with. */
export interface CutPosition extends Position {
  /** Index of the newest snapshot that is not newer than this place. */
  readonly snapshot: number;
}

/** How a generation's indexes lie over the log's epochs. */
interface Course {
  readonly generation: Generation;
  readonly epoch: number;
  readonly index: number;
}

export class Shipper implements LogReader {
  readonly target: ShipperTarget;
  /** To be looked at when it is due. */
  readonly firstPut: FirstPutWatch;
  readonly #host: ShipperHost;
  readonly #maxIndexBytes: number;
  #course: Course | undefined;
  #cursor: Cursor | undefined;
  /** The generation's snapshot holds everything below this place, so its first segment must not end before. */
  #covered: LogPlace = { epoch: 0, offset: 0 };
  /** Where the index before the cursor's ended: stated in the next index's first segment. */
  #previous: PreviousEnd | undefined;
  /** End of the segment whose put has begun: a repetition must hold the same bytes. */
  #frozenEnd: number | undefined;
  /** The epoch that the snapshot holds whole and whose WAL is no more there: nothing of it is left to ship. */
  #gone: number | undefined;
  /** The epoch of which a segment's put has begun and is not acknowledged: its bytes are needed, whatever a snapshot holds. */
  #underWay: number | undefined;
  /** Places at which a segment must end, oldest first. */
  #cuts: LogPlace[] = [];
  #released = false;
  #newestSnapshot: { index: number; at: Date; takenMs?: number } | undefined;
  readonly #lastStored = new LastStored();
  /** Generations that a new one takes the place of. */
  readonly #histories = new Set<string>();
  /** A moment of the store's clock, and of our own monotonic one when we heard of it. */
  #storeClock: { readonly atMs: number; readonly seenMs: number } | undefined;
  #forced: string | undefined;
  #shippedSinceSnapshot = false;
  readonly #ahead = new SegmentAhead();

  constructor(target: ShipperTarget, host: ShipperHost) {
    this.target = target;
    this.#host = host;
    this.#maxIndexBytes = target.maxIndexBytes ?? MAX_INDEX_BYTES;
    this.firstPut = new FirstPutWatch((ms) => host.retryWait(ms));
  }

  /** The place up to which the replica has acknowledged everything; `undefined` before it was first reached. */
  get cursor(): LogPlace | undefined {
    const cursor = this.#cursor;
    const isInSnapshot = cursor !== undefined && cursor.offset === 0 && cursor.epoch === this.#gone;
    return isInSnapshot ? this.#covered : cursor;
  }

  /** The same place as the replica names it. */
  get position(): Position | undefined {
    if (this.#course === undefined || this.#cursor === undefined) return undefined;
    return {
      generation: this.#course.generation,
      index: this.#indexOf(this.#cursor.epoch),
      offset: this.#cursor.offset,
    };
  }

  /**
   * Age of the newest snapshot on the store's clock, and not less than by the monotonic one; `undefined` until a put has told
   * what time it is there. By the host's clock, which may be wrong by years, one would be due at each commit, or never.
   * Milliseconds.
   */
  get snapshotAgeMs(): number | undefined {
    const snapshot = this.#newestSnapshot;
    const clock = this.#storeClock;
    if (snapshot === undefined || clock === undefined) return undefined;
    const now = performance.now();
    return Math.max(clock.atMs + (now - clock.seenMs) - snapshot.at.getTime(), now - (snapshot.takenMs ?? now));
  }

  /** Whether anything was shipped that the newest snapshot does not hold. */
  get shippedSinceSnapshot(): boolean {
    return this.#shippedSinceSnapshot;
  }

  unshippedFrom(epoch: Epoch): number {
    if (this.#released) return epoch.end;
    const cursor = this.#cursor;
    if (cursor === undefined || cursor.epoch < epoch.number) return 0;
    if (cursor.epoch > epoch.number) return epoch.end;
    return this.#isCovered(epoch) ? epoch.end : cursor.offset;
  }

  /** Whether the generation's snapshot holds this epoch whole, so that its bytes need never be shipped. */
  #isCovered(epoch: Epoch): boolean {
    const { epoch: number, offset } = this.#covered;
    return this.#cursor?.offset === 0 && number === epoch.number && offset >= epoch.end && this.#underWay !== number;
  }

  /** Bytes of the log not yet acknowledged, as far as they are kept. */
  get pendingBytes(): number {
    const { current } = this.#host.log;
    const cursor = this.#cursor;
    if (cursor === undefined) return current.end;
    let bytes = current.end - this.unshippedFrom(current);
    for (let number = cursor.epoch; number < current.number; number++) {
      const epoch = this.#host.log.epoch(number);
      if (epoch !== undefined) bytes += epoch.end - this.unshippedFrom(epoch);
    }
    return bytes;
  }

  /**
   * Bytes of the log that are kept because this replica is behind. What its own snapshot holds does not count: let go of for
   * that, it would have to begin with the same bytes again.
   */
  get heldBackBytes(): number {
    const cursor = this.#cursor;
    if (cursor === undefined) return 0;
    const { epoch, offset } = this.#covered;
    const inSnapshot = epoch === cursor.epoch ? Math.max(0, offset - cursor.offset) : 0;
    return Math.max(0, this.pendingBytes - inSnapshot);
  }

  get isPending(): boolean {
    const { cursor } = this;
    return cursor === undefined || comparePlace(cursor, this.#host.log.current.place) < 0;
  }

  /**
   * Lets the log go on without this replica: it has fallen too far behind. It will need a new generation.
   */
  release(reason: string): void {
    this.#released = true;
    this.#forced = reason;
  }

  get isReleased(): boolean {
    return this.#released;
  }

  /** Nothing will be shipped any more: gives back the memory of what was prepared. */
  end(): void {
    this.#ahead.drop();
  }

  /**
   * Sees to it that a segment ends exactly at `place`, which must be the log's end at this moment, so that a restore can stop
   * there. Undefined: the replica has no snapshot yet from which that place could be reached.
   */
  cutAt(place: LogPlace): CutPosition | undefined {
    const course = this.#course;
    const snapshot = this.#newestSnapshot?.index;
    if (course === undefined || snapshot === undefined || this.#cursor === undefined || this.#released)
      return undefined;
    if (comparePlace(place, this.#covered) < 0) return undefined;
    const at = { generation: course.generation, snapshot };
    const index = this.#indexOf(place.epoch);
    // The snapshot alone is the state. If the WAL is restarted now, this index will begin with the next one.
    if (index === snapshot && this.#cursor.offset === 0 && comparePlace(place, this.#covered) === 0)
      return { ...at, index, offset: 0 };
    this.#cuts.push(place);
    if (place.offset > 0) return { ...at, index, offset: place.offset };
    const fenced = this.#previous?.fenced;
    if (fenced !== undefined && place.epoch === this.#cursor.epoch && snapshot < index) return { ...at, ...fenced };
    // The end of the index before says the same, and can be proved.
    const end = this.#host.log.epoch(place.epoch - 1)?.end ?? this.#previous?.end;
    return end === undefined || snapshot >= index
      ? { ...at, index, offset: 0 }
      : { ...at, index: index - 1, offset: end };
  }

  /** Where a segment of this epoch that begins at `offset` has to end at the latest. */
  #limitFrom(offset: number, epoch: Epoch): number {
    const least = Math.max(offset + 1, this.#covered.epoch === epoch.number ? this.#covered.offset : 0);
    const cut = this.#cuts.find((place) => place.epoch === epoch.number && place.offset >= least);
    return Math.min(epoch.end, cut?.offset ?? epoch.end);
  }

  /** Finds out where the replica stands, and begins a new generation where nothing proves that the log continues it. */
  async begin(signal: AbortSignal): Promise<void> {
    if (this.#forced !== undefined) return this.#beginGeneration(this.#forced, signal);
    const found = await resume(this.target, this.#host, signal);
    if (found.newestAt !== undefined) this.#lastStored.learned(found.newestAt);
    for (const generation of found.generations) this.#histories.add(generation);
    step("resume:decided");
    if (found.kind === "new") return this.#beginGeneration(found.reason, signal);
    this.#takeUp(found);
  }

  #takeUp(found: Extract<Resumed, { kind: "resumed" }>): void {
    this.#course = { generation: found.generation, epoch: found.epoch, index: found.index };
    this.#cursor = { epoch: found.epoch, offset: found.offset, chain: found.chain };
    this.#previous = found.previous;
    this.#newestSnapshot = found.newestSnapshot;
    this.#covered = { epoch: found.epoch, offset: 0 };
    this.#shippedSinceSnapshot = found.index > found.newestSnapshot.index || found.offset > 0;
    if (!this.target.client.capabilities.putIfAbsent) this.firstPut.expect();
  }

  async #beginGeneration(reason: string, signal: AbortSignal): Promise<void> {
    const { logger } = this.#host;
    this.#ahead.drop();
    const generation = newGeneration();
    const { url } = this.target.client;
    for (const begun of this.#host.begun(url)) this.#histories.add(begun);
    const supersedes = [...this.#histories].slice(-MAX_SUPERSEDED);
    this.#histories.add(generation);
    this.#host.noteBegun(url, generation);
    logger("info", "new generation", { replica: this.target.name, generation, reason });
    step("generation:begun");
    const wasReleased = this.#released;
    this.#cursor = undefined;
    this.#released = true;
    let place: LogPlace;
    try {
      await this.#lastStored.past(signal);
      await this.#host.shortWal(signal);
      // From here on the log waits for this replica again: its first segment follows the snapshot without a gap.
      place = await this.#putSnapshot(
        generation,
        () => 0,
        signal,
        async () => {
          this.#released = false;
        },
        supersedes,
      );
    } catch (error) {
      this.#released = wasReleased;
      throw error;
    }
    step("generation:written");
    this.#course = { generation, epoch: place.epoch, index: 0 };
    this.#cursor = { epoch: place.epoch, offset: 0, chain: undefined };
    this.#covered = place;
    this.#cuts = [];
    this.#underWay = undefined;
    this.#gone = undefined;
    this.#previous = undefined;
    this.#frozenEnd = undefined;
    this.#forced = undefined;
    this.firstPut.end();
    this.#shippedSinceSnapshot = false;
    // The WAL may have been restarted while the snapshot was stored: nobody says so a second time.
    const begun = this.#host.log.epoch(place.epoch);
    if (begun?.closed === true) this.closed(begun);
  }

  /**
   * Takes a snapshot of the database as it stands and stores it; segments up to its place are acknowledged first, so that
   * no reader can choose it without them. Returns false when the present index has one already: a rotation is asked for,
   * since replacing it would take the base away from the moments in between.
   */
  async snapshot(signal: AbortSignal): Promise<boolean> {
    const course = this.#course;
    if (course === undefined) return false;
    if (this.#newestSnapshot?.index === this.#indexOf(this.#host.log.current.number)) {
      this.#host.requestRotation();
      return false;
    }
    const held = await this.#putSnapshot(
      course.generation,
      (place) => this.#indexOf(place.epoch),
      signal,
      async (place) => {
        while (this.cursor !== undefined && comparePlace(this.cursor, place) < 0) {
          // Without a turn of the event loop nothing that is missing could ever be seen.
          if (!(await this.shipNext(signal))) await sleep(UNSEEN_RETRY_MS, undefined, { signal });
        }
      },
    );
    this.#shippedSinceSnapshot = this.#cursor !== undefined && comparePlace(held, this.#cursor) < 0;
    return true;
  }

  async #putSnapshot(
    generation: Generation,
    indexAt: (place: LogPlace) => number,
    signal: AbortSignal,
    shipUpTo: (place: LogPlace) => Promise<void>,
    supersedes: readonly string[] = [],
  ): Promise<LogPlace> {
    for (;;) {
      const leave = await this.target.snapshots?.take(this.#host.database.fileBytes, signal);
      const held = await this.#host.hold(signal).catch((error: unknown) => {
        leave?.();
        throw error;
      });
      try {
        const header = held.offset === 0 ? undefined : this.#host.log.epoch(held.epoch)?.header;
        await shipUpTo(held);
        const index = indexAt(held);
        const key = snapshotKey(generation, index);
        const started = performance.now();
        const { database } = this.#host;
        const place = { index, offset: held.offset };
        const head = encodeProof({
          version: 1,
          generation,
          ...(supersedes.length === 0 ? {} : { supersedes }),
          ...(header === undefined ? {} : { salts: [header.salt1, header.salt2] }),
          position: place,
          pageSize: database.pageSize,
          pages: held.sizeBytes / database.pageSize,
        });
        const onChunk = () => step("snapshot:copying");
        await using snapshot = await snapshotBody({ database, frozen: held, head: [head], onChunk });
        step("snapshot:put");
        const put = () => this.#put(key, snapshot.body, signal);
        const stored = await settleSnapshot(this.target.client, key, put, place, signal).catch((error: unknown) => {
          throw this.#ofRival(error);
        });
        step("snapshot:acknowledged");
        this.#newestSnapshot = { index, at: stored.modifiedAt, takenMs: performance.now() };
        this.#host.logger("info", "snapshot written", {
          replica: this.target.name,
          generation,
          index,
          bytes: held.sizeBytes,
          stored: stored.size,
          ms: Math.round(performance.now() - started),
        });
        return { epoch: held.epoch, offset: stored.offset };
      } catch (error) {
        if (causeOf(error, FreezeBroken) === undefined) throw error;
      } finally {
        held.release();
        leave?.();
      }
    }
  }

  /** Ships the next segment, if there is one. Resolves when the replica has acknowledged it; false: nothing to ship. */
  async shipNext(signal: AbortSignal): Promise<boolean> {
    const cursor = this.#cursor;
    const course = this.#course;
    if (cursor === undefined || course === undefined) return false;
    const { log } = this.#host;
    const epoch = log.epoch(cursor.epoch);
    if (epoch === undefined) throw new ContinuityLost("the log's older part is gone");
    this.#cuts = this.#cuts.filter((cut) => comparePlace(cut, cursor) > 0);
    const limit = this.#frozenEnd ?? this.#limitFrom(cursor.offset, epoch);
    if (cursor.offset >= limit) return false;
    if (cursor.offset >= this.#maxIndexBytes) throw new IndexFull();
    await this.#shipSegment(course, cursor, epoch, limit, signal);
    return true;
  }

  /** Goes on to the next epoch when this one is closed and nothing of it is left to ship. */
  closed(epoch: Epoch): void {
    const cursor = this.#cursor;
    const course = this.#course;
    if (cursor === undefined || course === undefined || cursor.epoch !== epoch.number) return;
    if (cursor.offset < epoch.end && !this.#isCovered(epoch)) return;
    if (this.#isCovered(epoch)) {
      // Nothing of this epoch was shipped and the snapshot holds it whole: the index begins with the next WAL instead.
      this.#course = { ...course, epoch: epoch.number + 1 };
      this.#previous = undefined;
    } else if (cursor.chain !== undefined) {
      this.#previous = { end: cursor.offset, ...cursor.chain.checksum };
    }
    this.#cursor = { epoch: epoch.number + 1, offset: 0, chain: undefined };
    this.#frozenEnd = undefined;
  }

  async #shipSegment(course: Course, cursor: Cursor, epoch: Epoch, limit: number, signal: AbortSignal): Promise<void> {
    const { log } = this.#host;
    const covered = this.#isCovered(epoch);
    const before = this.#underWay;
    // From here on the WAL may not be restarted with nothing kept of it, though a snapshot holds it all.
    this.#underWay = epoch.number;
    let putBegun = false;
    let done: SegmentEnd;
    try {
      if (!epoch.closed) await log.wal.sync();
      step("segment:synced");
      const coveredTo = this.#covered.epoch === epoch.number && cursor.offset === 0 ? this.#covered.offset : 0;
      const cutAt = this.#frozenEnd ?? Math.max(coveredTo, cursor.offset + CUT_BYTES);
      const span = { epoch, from: cursor.offset, chain: cursor.chain, limit, cutAt, covered };
      done = await this.#putSegment(course, span, signal, () => {
        putBegun = true;
      });
    } catch (error) {
      // A store that is away costs no memory.
      this.#ahead.drop();
      const hasMoved = causeOf(error, SegmentMoved) !== undefined;
      // Nothing was stored: no put was begun, or its body failed. The index may begin with the next WAL after all.
      if (!putBegun || (covered && hasMoved)) {
        this.#underWay = before;
        // Truncated, or reset by somebody's RESTART, it is closed by the next commit only, which may never come.
        if (hasMoved && this.#isCovered(epoch)) this.#gone = epoch.number;
        if (epoch.closed) this.closed(epoch);
      }
      throw this.#ofRival(error);
    }
    step("segment:acknowledged");
    this.#cursor = { epoch: epoch.number, offset: done.end, chain: done.chain };
    this.#frozenEnd = undefined;
    this.#underWay = undefined;
    if (epoch.closed) this.closed(epoch);
    this.#shippedSinceSnapshot = true;
    this.#host.logger("debug", "segment shipped", {
      replica: this.target.name,
      index: this.#indexOf(epoch.number),
      offset: cursor.offset,
      bytes: done.end - cursor.offset,
    });
    this.#host.progressed();
  }

  async #putSegment(course: Course, span: SegmentSpan, signal: AbortSignal, onPut: () => void): Promise<SegmentEnd> {
    const { log } = this.#host;
    const { client } = this.target;
    let end: SegmentEnd | undefined;
    const onEnd = (done: SegmentEnd): void => {
      end = done;
      this.#frozenEnd = done.end;
    };
    const index = this.#indexOf(span.epoch.number);
    const key = segmentKey(course.generation, index, span.from);
    // A repetition of a put must end where the first one did: it is prepared here.
    using prepared = this.#frozenEnd === undefined ? await this.#ahead.take(span, log.wal) : undefined;
    if (prepared !== undefined) onEnd(prepared.end);
    const head = span.from === 0 ? [this.#proofHead(course.generation, index)] : [];
    const body = prepared?.body ?? (await storedBody(head, segmentBytes(span, log.wal, onEnd)));
    if (end !== undefined) this.#ahead.beginAfter(span.epoch, end, this.#limitFrom(end.end, span.epoch), log.wal);
    step("segment:put");
    onPut();
    const stored = await settleConflict(
      client,
      key,
      async () => {
        const result = await this.#put(key, body, signal);
        this.firstPut.stored(key, result);
        return result;
      },
      () => segmentBytes({ ...span, limit: span.epoch.end, cutAt: Infinity }, log.wal, () => {}),
      signal,
    );
    if (end === undefined) throw new Error(`${client.url} acknowledged ${key} before it was read whole`);
    return stored === undefined ? end : await this.#endAfter(span, stored);
  }

  /** The end of a segment of so many bytes, each frame proved. */
  async #endAfter(span: SegmentSpan, bytes: number): Promise<SegmentEnd> {
    const limit = span.from + bytes;
    let end: SegmentEnd | undefined;
    const proving = segmentBytes({ ...span, limit, cutAt: Infinity }, this.#host.log.wal, (done) => {
      end = done;
    });
    for await (const _chunk of proving) continue;
    if (end === undefined) throw new Error(`the log was not read up to ${limit}`);
    return end;
  }

  /** Under a lease what another wrote is a put of the last owner's that came in late: it ends the generation, not us. */
  #ofRival(error: unknown): unknown {
    return this.target.leased === true && error instanceof WrittenByAnother ? new ContinuityLost(error.message) : error;
  }

  #proofHead(generation: Generation, index: number): Uint8Array {
    const previous = this.#previous;
    const own = { version: 1, generation, index } as const;
    return encodeProof(previous === undefined ? own : { ...own, previous: { index: index - 1, ...previous } });
  }

  async #put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, signal: AbortSignal) {
    const { client } = this.target;
    let storedAt: Date | undefined;
    try {
      const ifAbsent = client.capabilities.putIfAbsent ? { ifAbsent: true } : {};
      const result = await client.put(key, body, { signal, ...ifAbsent });
      storedAt = result.modifiedAt;
      this.#storeClock = { atMs: storedAt.getTime(), seenMs: performance.now() };
      return result;
    } finally {
      this.#lastStored.learned(storedAt);
    }
  }

  #indexOf(epoch: number): number {
    const course = this.#course;
    return course === undefined ? 0 : course.index + (epoch - course.epoch);
  }
}

/** The present index has no room for another segment's name; the WAL must be restarted first. */
export class IndexFull extends Error {
  constructor() {
    super("the WAL has grown past what one index can hold");
    this.name = "IndexFull";
  }
}

/** Looks through an error's causes: a backend wraps what a body's stream threw. */
export function causeOf<E extends Error>(error: unknown, type: new (...args: never[]) => E): E | undefined {
  let at = error;
  while (at instanceof Error) {
    if (at instanceof type) return at;
    at = at.cause;
  }
  return undefined;
}

/** Whether another writer has stored different bytes under a name of ours, or the replica may not be written. */
export function isFatal(error: unknown): boolean {
  if (error instanceof LitewakeError) return error.kind === "refused" || error.kind === "usage";
  // A key or path that makes no sense to the store now may do so later (a folder comes back); a location does not.
  return ReplicaError.is(error, "InvalidConfig") && error.operation === "open";
}

// What was proved of one generation, and which moments and places can be restored from it. Pure.
import type { GenerationRecord, SnapshotRecord } from "../replica/catalog.ts";
import type { Position } from "../replica/position.ts";
import type { ExactPlace } from "../restore/target.ts";
import type { Break, SegmentEnd } from "./segment-check.ts";

/** Every moment from `from` to `to`, by the store's dates, can be restored with `-timestamp`. */
export interface Window {
  readonly from: Date;
  readonly to: Date;
}

/** A place that was proved, and the date of the object that ends there. */
export interface ProvedPlace extends Position {
  readonly moment: Date;
}

/** A snapshot that was read: sound, or not. */
export interface JudgedSnapshot {
  readonly record: SnapshotRecord;
  readonly sound: boolean;
  /** How far its copy reaches, where it says so. */
  readonly stated: { readonly index: number; readonly offset: number } | undefined;
}

/** How far each segment reaches, by its place in the table. */
export class SegmentEnds {
  readonly #committed: Float64Array;
  readonly #open: Uint8Array;

  constructor(count: number) {
    this.#committed = new Float64Array(count).fill(Number.NaN);
    this.#open = new Uint8Array(count);
  }

  set(at: number, { committed, isOpen }: SegmentEnd): void {
    this.#committed[at] = committed;
    this.#open[at] = Number(isOpen);
  }

  /** One past its last commit; NaN: not proved. */
  committed(at: number): number {
    return this.#committed[at] ?? Number.NaN;
  }

  /** Whether it ends with a commit. */
  isWhole(at: number): boolean {
    return this.#open[at] === 0;
  }
}

export class GenerationProof {
  readonly record: GenerationRecord;
  /** In ascending order of index. */
  readonly #snapshots: readonly JudgedSnapshot[];
  readonly #ends: SegmentEnds;
  /** In ascending order. */
  readonly #breaks: readonly Break[];

  constructor(
    record: GenerationRecord,
    read: {
      readonly snapshots: readonly JudgedSnapshot[];
      readonly ends: SegmentEnds;
      readonly breaks: readonly Break[];
    },
  ) {
    this.record = record;
    this.#snapshots = read.snapshots;
    this.#ends = read.ends;
    this.#breaks = read.breaks;
  }

  /** The proof with only those snapshots that are still there. */
  without(isGone: (index: number) => boolean): GenerationProof {
    const snapshots = this.#snapshots.filter(({ record: { index } }) => !isGone(index));
    return new GenerationProof(this.record, { snapshots, ends: this.#ends, breaks: this.#breaks });
  }

  /** In ascending order; a moment between two belongs to neither. */
  get windows(): readonly Window[] {
    const windows: { from: Date; to: Date }[] = [];
    const byDate = this.#byDate();
    for (const [n, snapshot] of byDate.entries()) {
      const fromMs = snapshot.record.modifiedAt.getTime();
      const nextMs = byDate[n + 1]?.record.modifiedAt.getTime();
      if (!this.#isUsable(snapshot)) continue;
      const isWhole = this.#chainFrom(snapshot.record.index).stop === undefined;
      const lastMs = this.#lastMs(snapshot.record);
      // From its own date on the next one is taken, be it sound or not.
      const untilMs = nextMs === undefined ? Number.POSITIVE_INFINITY : nextMs - 1;
      const to = new Date(isWhole && nextMs !== undefined ? untilMs : Math.min(untilMs, lastMs));
      const before = windows.at(-1);
      if (before !== undefined && before.to.getTime() >= fromMs - 1) before.to = to;
      else windows.push({ from: new Date(fromMs), to });
    }
    return windows;
  }

  /** The furthest place that a restore of this generation reaches. */
  get newest(): ProvedPlace | undefined {
    for (const snapshot of this.#snapshots.toReversed()) {
      if (!this.#isUsable(snapshot)) continue;
      const { record, stated } = snapshot;
      const { end } = this.#chainFrom(record.index);
      const last = end > this.record.segments.firstFrom(record.index) ? this.record.segments.at(end - 1) : undefined;
      const { generation } = this.record;
      const own = { generation, index: record.index, offset: stated?.offset ?? 0, moment: record.modifiedAt };
      if (last === undefined) return own;
      const offset = this.#ends.committed(end - 1);
      const moment = new Date(Math.max(last.modifiedAt.getTime(), record.modifiedAt.getTime()));
      return { generation, index: last.index, offset, moment };
    }
    return undefined;
  }

  /** Why a restore does not reach this place; undefined: it does. */
  whyNot({ index, offset, snapshot }: ExactPlace): string | undefined {
    const base = this.#snapshots.find(({ record }) => record.index === snapshot);
    if (base === undefined) return "the snapshot that it begins with is gone";
    if (!base.sound) return "the snapshot that it begins with is damaged";
    if (index === snapshot && offset === 0) return undefined;
    const { segments } = this.record;
    const at = segments.firstFrom(index, offset) - 1;
    const { end } = this.#chainFrom(snapshot);
    if (at < segments.firstFrom(snapshot) || segments.indexAt(at) !== index) return "the WAL that leads to it is gone";
    if (at >= end) return "the WAL that leads to it is damaged";
    return this.#ends.committed(at) === offset ? undefined : "no segment ends there";
  }

  /** Which moments cannot be restored because of what is wrong at this moment. */
  lostAround(moment: Date): string {
    const { windows } = this;
    if (windows.some(({ from, to }) => from <= moment && moment < to)) return "no moment is lost by it";
    const before = windows.findLast(({ to }) => to <= moment);
    const after = windows.find(({ from }) => from > moment);
    if (before === undefined && after === undefined) return "nothing of this generation can be restored";
    if (before === undefined) return `nothing before ${after?.from.toISOString()} can be restored`;
    if (after === undefined) return `nothing after ${before.to.toISOString()} can be restored`;
    return `nothing after ${before.to.toISOString()} and before ${after.from.toISOString()} can be restored`;
  }

  // Without a stated place the copy may hold some pages of its own index and not others: then it needs that index's WAL.
  #isUsable({ record, sound, stated }: JudgedSnapshot): boolean {
    const { end, stop } = this.#chainFrom(record.index);
    if (!sound || stop === undefined) return sound;
    return end > this.record.segments.firstFrom(record.index) || (stated !== undefined && !stop.hole);
  }

  /** By the store's date, the one that `-timestamp` takes: of equal dates the lowest index. */
  #byDate(): JudgedSnapshot[] {
    const sorted = this.#snapshots.toSorted(
      (a, b) => a.record.modifiedAt.getTime() - b.record.modifiedAt.getTime() || a.record.index - b.record.index,
    );
    return sorted.filter(
      ({ record }, n) => n === 0 || record.modifiedAt.getTime() !== sorted[n - 1]?.record.modifiedAt.getTime(),
    );
  }

  /** Up to which place in the table (exclusive) a restore from a snapshot goes, and what stops it before the end. */
  #chainFrom(index: number): { readonly end: number; readonly stop: Break | undefined } {
    const { segments } = this.record;
    const first = segments.firstFrom(index);
    if (first === segments.length) return { end: first, stop: undefined };
    if (segments.indexAt(first) !== index || segments.offsetAt(first) !== 0)
      return { end: first, stop: { at: first, own: true, hole: true } };
    const stop = this.#breaks.find(({ at, own }) => at > first || (own && at === first));
    return { end: stop?.at ?? segments.length, stop };
  }

  /** The last moment that a restore from a snapshot brings back. Milliseconds. */
  #lastMs({ index, modifiedAt }: SnapshotRecord): number {
    const { segments } = this.record;
    const { end, stop } = this.#chainFrom(index);
    const first = segments.firstFrom(index);
    let at = end - 1;
    // A transaction whose commit is missing is left out: such a segment does not bring back what was there.
    while (at >= first && !this.#ends.isWhole(at)) at--;
    if (at < first) return modifiedAt.getTime();
    const ms = segments.modifiedMsAt(at);
    return Math.max(modifiedAt.getTime(), at === end - 1 && stop?.hole === true ? ms - 1 : ms);
  }
}

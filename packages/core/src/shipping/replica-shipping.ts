// The loop of one replica: when to ship, when to take a snapshot, and what to do when the replica does not answer.
import { ReplicaError } from "../backend/error.ts";
import { comparePlace, type LogPlace } from "../database/epoch.ts";
import { ContinuityLost } from "../database/continuity-lost.ts";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Position } from "../replica/position.ts";
import type { Pin } from "../replica/retention-plan.ts";
import { Retention } from "../replica/retention.ts";
import { Schedule } from "../replica/schedule.ts";
import type { DrillStatus } from "./drill-status.ts";
import { SegmentMoved } from "./segment.ts";
import type { ShipperHost } from "./shipper-host.ts";
import { causeOf, IndexFull, isFatal, Shipper, type ShipperTarget } from "./shipper.ts";

/** A replica of one database and how it is kept. Durations in milliseconds. */
export interface ReplicaTarget extends ShipperTarget {
  /** Shortest time between the starts of two puts while there is little to ship. */
  readonly syncIntervalMs: number;
  /** A snapshot is taken when the newest is older than this and something changed since; 0: as `retentionMs`. */
  readonly snapshotIntervalMs: number;
  /** Every instant of so long a window stays restorable; 0: nothing is ever deleted. */
  readonly retentionMs: number;
  readonly retentionCheckIntervalMs: number;
  /** Places that retention keeps however old they are; asked before each run. */
  readonly pins?: ((signal: AbortSignal) => Promise<readonly Pin[]>) | undefined;
}

/** So many bytes of log are shipped at once, whatever the interval: a restart of the WAL needs a short tail. */
const EAGER_BYTES = 4 << 20;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
const MOVED_RETRY_MS = 5;
/** A failure that lasts is said again so often. */
const REMIND_MS = 60_000;

export type ReplicaState = "starting" | "shipping" | "retrying" | "failed" | "stopped";

/** What is known of one replica at this moment. */
export interface ReplicaStatus {
  readonly name: string;
  readonly url: string;
  readonly state: ReplicaState;
  /** The last place acknowledged. */
  readonly position: Position | undefined;
  readonly pendingBytes: number;
  /** Age of the oldest commit that the replica may not have acknowledged, at most; 0: it has everything. Milliseconds. */
  readonly lagMs: number;
  /** The reason of the last failure while it lasts. */
  readonly error: string | undefined;
  /** Where drills are held. */
  readonly drill?: DrillStatus | undefined;
}

interface Waiter {
  readonly place: LogPlace;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

export class ReplicaShipping {
  readonly target: ReplicaTarget;
  readonly shipper: Shipper;
  readonly #host: ShipperHost;
  readonly #logger: Logger;
  readonly #retention: Retention;
  readonly #stop = new AbortController();
  #state: ReplicaState = "starting";
  #error: unknown;
  #begun = false;
  #wake: () => void = () => {};
  #urgent = false;
  #lastPut = -Infinity;
  #failingSince = 0;
  #toldAt = 0;
  readonly #retentionDue: Schedule;
  /** Until the next start: the credentials do not let us delete. */
  #mayDelete = true;
  #shippedSinceRetention = true;
  #waiters: Waiter[] = [];
  /** Since when something has been there to ship, without a moment at which nothing was. */
  #pendingSince: number | undefined;

  constructor(target: ReplicaTarget, host: ShipperHost) {
    this.target = target;
    this.#host = host;
    this.#logger = host.logger;
    this.shipper = new Shipper(target, host);
    this.#retention = new Retention(target.client, { retentionMs: target.retentionMs });
    this.#retentionDue = new Schedule(
      target.retentionCheckIntervalMs,
      Math.min(target.retentionCheckIntervalMs, target.retentionMs),
    );
    host.log.addReader(this.shipper);
  }

  get status(): ReplicaStatus {
    return {
      name: this.target.name,
      url: this.target.client.url,
      state: this.#state,
      position: this.shipper.position,
      pendingBytes: this.shipper.pendingBytes,
      lagMs: this.#lagMs(),
      error: this.#error === undefined ? undefined : messageOf(this.#error),
    };
  }

  #lagMs(): number {
    if (!this.shipper.isPending) return 0;
    return Math.round(performance.now() - (this.#pendingSince ?? performance.now()));
  }

  /** The failure that ended this replica for good, if one did. */
  get failure(): unknown {
    return this.#state === "failed" ? this.#error : undefined;
  }

  /** Whether the replica was reached and its place found. */
  get isBegun(): boolean {
    return this.#begun;
  }

  /** Whether nothing is to be done until the log grows. */
  get isIdle(): boolean {
    return (
      this.#state === "shipping" && !this.shipper.isPending && this.#waiters.length === 0 && !this.#isSnapshotDue()
    );
  }

  /** Something may be there to ship. */
  notify(): void {
    this.#pendingSince = this.shipper.isPending ? (this.#pendingSince ?? performance.now()) : undefined;
    this.#settleWaiters();
    this.#wake();
  }

  /** Resolves when the replica has acknowledged the log up to `place`; ships without waiting for the interval. */
  shipped(place: LogPlace): Promise<Position> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ place, resolve, reject });
      this.#urgent = true;
      if (this.#state === "failed") reject(this.#error);
      this.notify();
    });
  }

  #settleWaiters(): void {
    const { cursor, position } = this.shipper;
    if (cursor === undefined || position === undefined || this.shipper.isReleased) return;
    const open: Waiter[] = [];
    for (const waiter of this.#waiters) {
      const reached = comparePlace(cursor, waiter.place) >= 0 || !this.shipper.isPending;
      if (reached) waiter.resolve(position);
      else open.push(waiter);
    }
    this.#waiters = open;
    if (open.length === 0) this.#urgent = false;
  }

  /** Ships until stopped. Resolves at the stop or at a failure that no retry can mend. */
  async run(): Promise<void> {
    try {
      await this.#shipUntilStopped();
    } finally {
      this.shipper.end();
    }
  }

  async #shipUntilStopped(): Promise<void> {
    const { signal } = this.#stop;
    let delay = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.#advance(signal);
        delay = FIRST_RETRY_MS;
        this.#recovered();
      } catch (error) {
        if (signal.aborted) break;
        if (causeOf(error, SegmentMoved) !== undefined) {
          await this.#pause(MOVED_RETRY_MS);
          continue;
        }
        if (this.#restartGeneration(error)) continue;
        if (isFatal(error)) return this.#fail(error);
        this.#retrying(error, delay);
        await this.#pause(this.#host.retryWait(delay * (0.5 + Math.random() / 2)));
        delay = Math.min(delay * 2, LAST_RETRY_MS);
      }
    }
    this.#state = this.#state === "failed" ? "failed" : "stopped";
    this.#rejectWaiters(new LitewakeError("aborted", `replication to ${this.target.client.url} was stopped`));
  }

  async #advance(signal: AbortSignal): Promise<void> {
    if (!this.#begun || (this.shipper.isReleased && !signal.aborted)) {
      await this.shipper.begin(signal);
      this.#begun = true;
      this.#recovered();
      this.#state = "shipping";
      this.#settleWaiters();
      this.#host.progressed();
    }
    const { firstPut } = this.shipper;
    if (firstPut.dueInMs === 0) await firstPut.look(this.target.client, signal);
    if (this.shipper.isPending) {
      const due =
        this.#urgent || this.shipper.pendingBytes >= EAGER_BYTES
          ? 0
          : this.#lastPut + this.target.syncIntervalMs - performance.now();
      if (due > 0) {
        await this.#pause(due, "for bytes");
        if (
          !this.#urgent &&
          this.shipper.pendingBytes < EAGER_BYTES &&
          this.#lastPut + this.target.syncIntervalMs > performance.now()
        )
          return;
      }
      this.#lastPut = performance.now();
      this.#shippedSinceRetention = true;
      // Everything that is there now, and no more: what is committed meanwhile waits for its interval.
      const until = this.#host.log.current.place;
      const seenAt = performance.now();
      while (!signal.aborted && this.shipper.cursor !== undefined && comparePlace(this.shipper.cursor, until) < 0) {
        if (!(await this.shipper.shipNext(signal))) {
          await this.#pause(MOVED_RETRY_MS);
          break;
        }
        this.#recovered();
      }
      // What is left was committed after that.
      const { cursor } = this.shipper;
      if (cursor !== undefined && comparePlace(cursor, until) >= 0)
        this.#pendingSince = this.shipper.isPending ? seenAt : undefined;
      this.#settleWaiters();
    } else if (this.#isSnapshotDue()) {
      if (!(await this.shipper.snapshot(signal))) await this.#pause(this.target.syncIntervalMs, "for bytes");
    } else if (this.#isRetentionDue()) {
      await this.#retain(signal);
    } else {
      this.#settleWaiters();
      await this.#pause(firstPut.dueInMs, "wakeable");
    }
  }

  #isSnapshotDue(): boolean {
    const interval = this.target.snapshotIntervalMs > 0 ? this.target.snapshotIntervalMs : this.target.retentionMs;
    const ageMs = this.shipper.snapshotAgeMs;
    return interval > 0 && ageMs !== undefined && this.shipper.shippedSinceSnapshot && ageMs >= interval;
  }

  #isRetentionDue(): boolean {
    const { retentionMs } = this.target;
    return this.#mayDelete && retentionMs > 0 && this.#shippedSinceRetention && this.#retentionDue.isDue;
  }

  async #retain(signal: AbortSignal): Promise<void> {
    this.#retentionDue.done();
    const generation = this.shipper.position?.generation;
    if (generation === undefined) return;
    const pins = await this.target.pins?.(signal);
    const result = await this.#retention
      .run({ current: generation, signal, ...(pins === undefined ? {} : { pins }) })
      .catch((error: unknown) => this.#mayNotDelete(error));
    if (result === undefined) return;
    // While something is marked for deletion the next run must come even if nothing more is shipped.
    this.#shippedSinceRetention = result.pending > 0;
    if (result.deleted > 0)
      this.#logger("info", "retention deleted objects", { replica: this.target.name, deleted: result.deleted });
  }

  // Credentials that cannot delete are a choice: whoever steals them cannot take the history away.
  #mayNotDelete(error: unknown): undefined {
    if (!ReplicaError.is(error, "Denied") || error.operation !== "delete") throw error;
    this.#mayDelete = false;
    this.#logger("warn", "these credentials may not delete, so what is older than the retention stays", {
      replica: this.target.name,
      error: error.message,
      next: "if that is meant, retention: 0 says so",
    });
    return undefined;
  }

  // Waits for the time given, or (`wakeable`) until something happens, or (`for bytes`) until it is urgent or much is there.
  // Without a time there is no timer at all.
  #pause(ms: number | undefined, until?: "wakeable" | "for bytes"): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stop;
      let timer: NodeJS.Timeout | undefined;
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = () => {};
        resolve();
      };
      if (ms !== undefined) timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      this.#wake = () => {
        if (until === undefined) return;
        if (until === "wakeable" || this.#urgent || this.shipper.pendingBytes >= EAGER_BYTES) done();
      };
      if (signal.aborted) done();
    });
  }

  #recovered(): void {
    if (this.#state !== "retrying") return;
    this.#state = "shipping";
    this.#error = undefined;
    const downMs = Math.round(performance.now() - this.#failingSince);
    this.#logger("info", "replica answers again", {
      replica: this.target.name,
      downMs,
      pendingBytes: this.shipper.pendingBytes,
    });
  }

  #retrying(error: unknown, delayMs: number): void {
    const message = messageOf(error);
    const now = performance.now();
    if (this.#state !== "retrying") this.#failingSince = now;
    const isNews = this.#state !== "retrying" || messageOf(this.#error) !== message || now - this.#toldAt >= REMIND_MS;
    if (isNews) this.#toldAt = now;
    this.#state = "retrying";
    this.#error = error;
    this.#logger(isNews ? "error" : "debug", "replica does not take what is shipped", {
      replica: this.target.name,
      url: this.target.client.url,
      error: message,
      // How far the replica is behind, and since when.
      pendingBytes: this.shipper.pendingBytes,
      failingMs: Math.round(now - this.#failingSince),
      retryInMs: Math.round(delayMs),
    });
    this.#host.progressed();
  }

  // The history is broken for this replica alone: the others go on.
  #restartGeneration(error: unknown): boolean {
    const lost = causeOf(error, ContinuityLost) ?? causeOf(error, IndexFull);
    if (lost === undefined) return false;
    this.#logger("warn", "history of this replica ends", { replica: this.target.name, reason: lost.message });
    this.shipper.release(lost.message);
    return true;
  }

  #fail(error: unknown): void {
    this.#state = "failed";
    this.#error = error;
    this.#host.log.removeReader(this.shipper);
    this.#logger("error", "replication stopped", { replica: this.target.name, error: messageOf(error) });
    this.#rejectWaiters(error);
    this.#host.progressed();
  }

  #rejectWaiters(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
  }

  /** Ends the loop; a put under way is aborted and leaves nothing. */
  stop(): void {
    this.#stop.abort();
  }
}

/** One line for a log: the error and what it was wrapped round. */
function messageOf(error: unknown): string {
  if (ReplicaError.is(error) || error instanceof LitewakeError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

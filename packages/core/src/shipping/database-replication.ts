// One database and all its replicas, for as long as the process runs: the database may come late, go, and come again.
import fs from "node:fs";
import path from "node:path";
import { ChangeWatch } from "../database/change-watch.ts";
import { ContinuityLost } from "../database/continuity-lost.ts";
import { DEFAULT_TUNING, type FollowerTuning } from "../database/follower-options.ts";
import { LiveDatabase, type NotYet } from "../database/live-database.ts";
import { LocalStateFile, metaFolder } from "../database/local-state.ts";
import { isBusy } from "../database/sqlite.ts";
import { isSystemFault } from "../database/system-fault.ts";
import { Trouble } from "../database/trouble.ts";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Position } from "../replica/position.ts";
import { collectSoon } from "./collect.ts";
import { DatabaseSession } from "./database-session.ts";
import { refuseMissing } from "./resume.ts";
import type { Lockable } from "./barrier.ts";
import { type Look, lookAtStandingFile, LookInterrupted, requireSameHistory, type Seen } from "./standing-still.ts";
import { type DatabaseCut, ReplicaGroup, unlessLate } from "./replica-group.ts";
import type { ReplicaStatus, ReplicaTarget } from "./replica-shipping.ts";

/** A database to follow. Sizes in bytes. */
export interface DatabaseReplication {
  readonly path: string;
  /** Folder of the local state; default `.<name>-litewake` beside the database. */
  readonly metaPath?: string | undefined;
  readonly replicas: readonly ReplicaTarget[];
  /** The WAL may grow to this size while a replica does not answer; then that replica is let go. Default 1 GiB. */
  readonly maxWalBytes?: number | undefined;
  /** Overrides of the follower's figures. */
  readonly tuning?: Partial<FollowerTuning> | undefined;
}

export interface DatabaseStatus {
  readonly path: string;
  readonly state: "waiting" | "following" | "stopped" | "failed";
  readonly walBytes: number;
  /** What fails at the database's own files at the moment, while it does: what is committed meanwhile may not be seen. */
  readonly error: string | undefined;
  readonly replicas: readonly ReplicaStatus[];
}

const DEFAULT_MAX_WAL_BYTES = 1 << 30;
/** A bridge is looked at each millisecond at first: a rotation's bridge lasts until the next commit. */
const BRIDGE_FAST_MS = 1;
const BRIDGE_SLOW_MS = 20;
const BRIDGE_FAST_FOR_MS = 200;
const LOCKED_RETRY_MS = 200;
/** After a full disk, a lost permission and their like a step is tried again so soon. */
const FAULT_RETRY_MS = 250;
/** While nothing is committed the log is looked at less often, until the follower rests. */
const QUIET_AFTER_MS = 1000;
const QUIET_TICK_MS = 1000;
const REST_RETRY_LIMIT = 6;
/** While following begins anew, a sync that was under way asks again so often. */
const RESYNC_MS = 20;
/** How long a start waits to learn whether a replica holds history. */
const HISTORY_LOOK_MS = 30_000;

function makeParents(folder: string): void {
  try {
    fs.mkdirSync(path.dirname(folder), { recursive: true, mode: 0o700 });
  } catch {
    // Said when the state cannot be written.
  }
}

interface Pace {
  quietSince: number;
  bridgeSince: number;
  rests: number;
}

export class DatabaseReplicator implements Lockable {
  readonly #options: DatabaseReplication;
  readonly #tuning: FollowerTuning;
  readonly #logger: Logger;
  readonly #newHistory: boolean;
  readonly #onChange: () => void;
  readonly #watch: ChangeWatch;
  readonly #state: LocalStateFile;
  readonly #trouble: Trouble;
  #session: DatabaseSession | undefined;
  #replicas: ReplicaGroup | undefined;
  #stopping = false;
  #failure: unknown;
  #wake: () => void = () => {};
  #bornHere = false;
  #waitingFor: NotYet | "unreadable" | undefined;
  /** Following ended once while this process runs: a file that is empty now is about to be filled. */
  #replaced = false;
  #finished: Promise<void> = Promise.resolve();
  #watching: (() => void)[] = [];
  readonly #looks = new Set<{ readonly stop: AbortController; readonly ended: Promise<unknown> }>();
  #deletionTold = false;

  constructor(
    options: DatabaseReplication,
    context: { readonly logger: Logger; readonly newHistory: boolean; readonly onChange?: () => void },
  ) {
    this.#options = { ...options, path: path.resolve(options.path) };
    this.#tuning = { ...DEFAULT_TUNING, ...options.tuning };
    this.#logger = (level, message, fields) => context.logger(level, message, { db: this.#options.path, ...fields });
    this.#newHistory = context.newHistory;
    this.#onChange = context.onChange ?? (() => {});
    this.#watch = new ChangeWatch(this.#options.path);
    // A folder of the configuration's choice is made with all above it, once; the database's own never.
    if (options.metaPath !== undefined) makeParents(options.metaPath);
    this.#state = new LocalStateFile(metaFolder(this.#options.path, options.metaPath), this.#logger);
    this.#trouble = new Trouble(this.#logger, {
      failing: "the database's files cannot be worked on; it is tried again, and what is committed stays in the WAL",
      over: "the database's files can be worked on again",
    });
  }

  get path(): string {
    return this.#options.path;
  }

  get status(): DatabaseStatus {
    const following = this.#session !== undefined;
    const state =
      this.#failure !== undefined ? "failed" : this.#stopping ? "stopped" : following ? "following" : "waiting";
    return {
      path: this.path,
      state,
      walBytes: this.#session?.follower.logBytes ?? 0,
      error: this.#trouble.error,
      replicas: this.#replicas?.status ?? [],
    };
  }

  /** The failure that ended the following for good, or that of its first failed replica. */
  get failure(): unknown {
    return this.#failure ?? this.#replicas?.failure;
  }

  /** Whether nothing can be shipped any more: the database cannot be followed, or no replica is left. */
  get isGivenUp(): boolean {
    return this.#failure !== undefined || this.#replicas?.haveAllFailed === true;
  }

  /**
   * Begins to follow. Resolves when the database is open (or known not to be there yet) and every replica was asked once;
   * rejects with one clear line when it cannot be followed.
   */
  async start(): Promise<void> {
    let first: DatabaseSession | undefined;
    try {
      first = this.#open();
    } catch (error) {
      this.#failure = error;
      this.#logger("error", "the database cannot be followed", { error: String(error) });
      throw error;
    }
    if (first === undefined && this.#waitingFor !== "locked") await this.#expectNoHistory();
    this.#finished = this.#run(first).catch((error: unknown) => {
      this.#failure = error;
      this.#logger("error", "the database is not followed any more", { error: String(error) });
      this.#changed();
    });
    await this.#settled();
  }

  // What the application will make in this place is a new history: over an older one only if somebody insists.
  async #expectNoHistory(): Promise<void> {
    this.#bornHere = true;
    if (this.#newHistory) return;
    for (const target of this.#options.replicas) {
      try {
        await refuseMissing(target, this.path, AbortSignal.timeout(HISTORY_LOOK_MS));
      } catch (error) {
        if (error instanceof LitewakeError) throw error;
        // Not reachable now: it is asked again before anything is written to it.
        this.#logger("warn", "cannot see yet whether the replica holds history", {
          replica: target.name,
          error: String(error),
        });
      }
    }
  }

  // A replica that is down must not hold up the others, or the application: its first failure counts as an answer.
  async #settled(): Promise<void> {
    while (this.#failure === undefined && !this.#stopping) {
      if (this.#replicas?.isSettled !== false) return;
      await new Promise<void>((resolve) => this.#watching.push(resolve));
    }
  }

  #changed(): void {
    const watching = this.#watching;
    this.#watching = [];
    for (const resolve of watching) resolve();
    this.#replicas?.notify();
    this.#onChange();
  }

  #open(): DatabaseSession | undefined {
    const opened = LiveDatabase.open(this.path, this.#logger);
    if (typeof opened === "string") return this.#waitFor(opened);
    if (this.#replaced && opened.isEmpty()) {
      opened.close();
      return this.#waitFor("empty");
    }
    this.#waitingFor = undefined;
    const session = new DatabaseSession({
      database: opened,
      state: this.#state,
      tuning: this.#tuning,
      logger: this.#logger,
      newHistory: this.#newHistory,
      bornHere: this.#bornHere,
      onProgress: () => this.#changed(),
      onFault: (error) => {
        if (!isBusy(error) && !(error instanceof ContinuityLost)) this.#trouble.failed(error);
      },
    });
    try {
      session.start();
    } catch (error) {
      session.close();
      if (isBusy(error)) return this.#waitFor("locked");
      throw error;
    }
    this.#beginShipping(session);
    return session;
  }

  #waitFor(why: NotYet): undefined {
    if (why !== this.#waitingFor) this.#logger("info", "waiting for the database", { why });
    this.#waitingFor = why;
    return undefined;
  }

  #beginShipping(session: DatabaseSession): void {
    this.#session = session;
    this.#deletionTold = false;
    this.#replicas = new ReplicaGroup({
      path: this.path,
      session,
      targets: this.#options.replicas,
      logger: this.#logger,
      onEnded: () => this.#changed(),
    });
    this.#logger("info", "following", { pageSize: session.database.pageSize });
    this.#changed();
  }

  async #run(first: DatabaseSession | undefined): Promise<void> {
    let session = first;
    while (!this.#stopping) {
      if (session === undefined) {
        const poll = this.#waitingFor === "locked" || this.#waitingFor === "unreadable" || this.#replaced;
        await this.#waitForChange(poll ? LOCKED_RETRY_MS : undefined);
        if (!this.#stopping) session = await this.#openAgain();
        continue;
      }
      const why = await this.#follow(session);
      if (this.#stopping) break;
      this.#logger("warn", "following begins anew", { reason: why });
      this.#replaced = true;
      await this.#abandon(session);
      session = undefined;
    }
  }

  /** As at the start, but by now somebody relies on this process: what the system refuses is asked for again. */
  async #openAgain(): Promise<DatabaseSession | undefined> {
    try {
      const session = this.#open();
      this.#trouble.worked();
      return session;
    } catch (error) {
      const cause = error instanceof LitewakeError ? error.cause : error;
      if (!isSystemFault(cause)) throw error;
      this.#trouble.failed(error);
      this.#waitingFor = "unreadable";
      await this.#sleep(FAULT_RETRY_MS);
      return undefined;
    }
  }

  /** Follows until stopped (`undefined`) or until the session cannot go on; answers why. */
  async #follow(session: DatabaseSession): Promise<string | undefined> {
    const now = performance.now();
    const pace: Pace = { quietSince: now, bridgeSince: now, rests: 0 };
    while (!this.#stopping) {
      try {
        const gone = session.database.whyGone();
        if (gone !== undefined) return gone;
        this.#watchDeletion(session);
        await this.#turn(session, pace);
      } catch (error) {
        if (error instanceof ContinuityLost) return error.message;
        if (isBusy(error)) {
          await this.#sleep(this.#tuning.moveEveryMs);
          continue;
        }
        if (!isSystemFault(error)) throw error;
        this.#trouble.failed(error);
        await this.#sleep(FAULT_RETRY_MS);
      }
    }
    return undefined;
  }

  // Deleted while it is in use, the WAL goes on without a name until the last one closes it: then only the replica has it.
  #watchDeletion({ database }: DatabaseSession): void {
    if (this.#deletionTold || database.wal.whereabouts() !== "deleted") return;
    this.#deletionTold = true;
    this.#logger(
      "error",
      "the WAL file was deleted while it is in use; what is committed is shipped, and lost here when the application closes",
      {
        wal: database.wal.path,
        next: "stop the application and Litewake, and restore",
      },
    );
  }

  /** One look, what follows from it, and the wait until the next. */
  async #turn(session: DatabaseSession, pace: Pace): Promise<void> {
    const now = performance.now();
    const before = session.follower.mode;
    this.#replicas?.enforceMaxWal(this.#options.maxWalBytes ?? DEFAULT_MAX_WAL_BYTES);
    const grown = session.tick(now);
    this.#trouble.worked();
    const { mode } = session.follower;
    if (grown) {
      pace.quietSince = now;
      pace.rests = 0;
    }
    if (mode === "bridge" && before === "mark") pace.bridgeSince = now;
    const quiet = now - pace.quietSince;
    if (quiet > this.#tuning.restAfterMs && this.#replicas?.isIdle === true) {
      if (session.rest()) return this.#rest(session);
      if (++pace.rests > REST_RETRY_LIMIT) return this.#waitForChange(undefined);
    }
    await this.#sleep(this.#delay(mode, now - pace.bridgeSince, quiet));
  }

  #delay(mode: "mark" | "bridge", bridgedMs: number, quietMs: number): number {
    if (mode === "bridge" && bridgedMs < BRIDGE_FAST_FOR_MS) return BRIDGE_FAST_MS;
    if (quietMs > QUIET_AFTER_MS) return Math.min(QUIET_TICK_MS, this.#tuning.restAfterMs);
    return mode === "bridge" ? BRIDGE_SLOW_MS : Math.min(this.#tuning.moveEveryMs, 25);
  }

  // Mark 0 is held and everything shipped: until the files change there is nothing to do and no timer.
  async #rest(session: DatabaseSession): Promise<void> {
    session.noteRest(this.#replicas?.shippers ?? []);
    session.database.shrink();
    collectSoon();
    await this.#waitForChange(undefined);
  }

  /** A timer, or a change of the files, whichever comes first; no timer at all without a time. */
  #waitForChange(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const done = () => {
        clearTimeout(timer);
        this.#watch.disarm();
        this.#wake = () => {};
        resolve();
      };
      this.#wake = done;
      this.#watch.arm(done);
      // Armed first and looked at after: a change just before the watch was set is not missed.
      if (this.#hasChanged()) done();
      else if (ms !== undefined) timer = setTimeout(done, ms);
      if (this.#stopping) done();
    });
  }

  #hasChanged(): boolean {
    try {
      return this.#session === undefined ? this.#appeared() : this.#changedUnseen(this.#session);
    } catch {
      // Whoever waits looks again, and says what is the matter.
      return true;
    }
  }

  #appeared(): boolean {
    const size = fs.statSync(this.path, { throwIfNoEntry: false })?.size;
    return this.#waitingFor === "missing"
      ? size !== undefined
      : this.#waitingFor === "empty" && !this.#replaced && size !== 0;
  }

  #changedUnseen(session: DatabaseSession): boolean {
    try {
      const { log } = session.database.checkpointer.state();
      return log !== session.follower.epoch.frames && log !== 0;
    } catch (error) {
      // Somebody is changing it just now.
      if (isBusy(error)) return true;
      throw error;
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      this.#wake = done;
    });
  }

  async #abandon(session: DatabaseSession): Promise<void> {
    this.#session = undefined;
    await this.#stopShipping();
    this.#replicas = undefined;
    session.close();
  }

  // Nothing may read the log or the file any more when they are closed.
  async #stopShipping(): Promise<void> {
    await this.#endLooks();
    await this.#replicas?.stop();
  }

  /**
   * Resolves when every replica has acknowledged what is committed at the time of the call, with the places; rejects when
   * a replica has failed, or when the signal ends the wait.
   */
  async sync(signal?: AbortSignal): Promise<Position[]> {
    const shipped = this.#shipped();
    if (signal === undefined) return shipped;
    return this.#within(shipped, signal);
  }

  #within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return unlessLate(work, signal, () => this.#replicas?.lateLine ?? `${this.path} is not followed at the moment`);
  }

  async #shipped(): Promise<Position[]> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const session = this.#session;
      if (session === undefined) {
        if (this.#stopping || !fs.existsSync(this.path)) return [];
        await new Promise<void>((resolve) => this.#watching.push(resolve));
        continue;
      }
      try {
        session.follower.observe();
        const { place } = session.log.current;
        return (await this.#replicas?.shipped(place)) ?? [];
      } catch (error) {
        // Where following began anew, what is in the database now is shipped from there; what fails now may pass.
        const lasting = !(error instanceof ContinuityLost) && !isBusy(error) && !isSystemFault(error);
        if (this.#session === session && lasting) throw error;
        await new Promise<void>((resolve) => setTimeout(resolve, RESYNC_MS));
      }
    }
  }

  /** Whether there is a database that is being followed. */
  get isFollowing(): boolean {
    return this.#session !== undefined;
  }

  /** Whether there is a file that will be followed, and is not yet: locked, empty, or just replaced. */
  get isAwaited(): boolean {
    return this.#session === undefined && this.#failure === undefined && fs.existsSync(this.path);
  }

  /** The log's end as it was last seen, as text to be compared; changes with every commit. */
  get seenPlace(): string {
    const place = this.#session?.log.current.place;
    return place === undefined ? "" : `${place.epoch}:${place.offset}`;
  }

  prepareLock(): void {
    this.#session?.prepareLock();
  }

  tryLock(): boolean {
    return this.#session?.tryLock() ?? false;
  }

  unlock(): void {
    this.#session?.unlock();
  }

  /** To be called while the writers are held. Undefined: a replica is not far enough to be restored to this place. */
  cut(): DatabaseCut | undefined {
    const session = this.#session;
    if (session === undefined || this.#failure !== undefined) return undefined;
    try {
      session.follower.observe();
    } catch (error) {
      if (!isBusy(error)) throw error;
      return undefined;
    }
    return this.#replicas?.cutAt(session.log.current.place);
  }

  /**
   * Has `work` look at the database file while it stands still, at a place that a restore of this replica reaches exactly, and
   * waits until the replica has acknowledged that. Undefined: not possible now (the database is not there, or not followed
   * yet; the replica has no snapshot). Throws `LookInterrupted` where it must be tried again, and as `sync`.
   */
  async look<T>(replica: string, signal: AbortSignal, work: Look<T>["work"]): Promise<Seen<T> | undefined> {
    const session = this.#session;
    const shipping = this.#replicas?.named(replica);
    if (session === undefined || shipping === undefined) return undefined;
    const stop = new AbortController();
    const signals = AbortSignal.any([signal, stop.signal]);
    const looking = lookAtStandingFile({ session, shipper: shipping.shipper, signal: signals, work });
    const entry = { stop, ended: Promise.allSettled([looking]) };
    this.#looks.add(entry);
    const seen = await looking
      .catch((error: unknown) => {
        throw stop.signal.aborted ? new LookInterrupted() : error;
      })
      .finally(() => this.#looks.delete(entry));
    if (seen === undefined) return undefined;
    const durable = this.#within(shipping.shipped(seen.logPlace), signal);
    requireSameHistory(this.path, seen.place, await durable);
    return seen;
  }

  // Nobody may read the file when it is closed.
  async #endLooks(): Promise<void> {
    for (const { stop } of this.#looks) stop.abort(new LookInterrupted());
    await Promise.all([...this.#looks].map(({ ended }) => ended));
  }

  /** Ships what is there until `deadline` ends, writes everything back, and lets go. Rejects when the tail is not durable. */
  async stop(deadline: AbortSignal): Promise<void> {
    let failure: unknown;
    try {
      await this.sync(deadline);
    } catch (error) {
      failure = error;
    }
    this.#stopping = true;
    this.#wake();
    await this.#finished;
    this.#watch.disarm();
    const session = this.#session;
    if (session !== undefined) {
      await this.#stopShipping();
      await session.finish(this.#replicas?.shippers ?? []);
      this.#session = undefined;
    }
    if (failure !== undefined) throw failure;
  }
}

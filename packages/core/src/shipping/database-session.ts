// One database being followed, from the moment it was opened until it is stopped, replaced, or its continuity is lost.
import fs from "node:fs";
import { comparePlace, Epoch, type LogPlace } from "../database/epoch.ts";
import { ContinuityLost } from "../database/continuity-lost.ts";
import { Follower, type FollowerMode } from "../database/follower.ts";
import { databaseBytesAt } from "../database/frozen-copy.ts";
import type { FollowerTuning } from "../database/follower-options.ts";
import { identityOf, type LiveDatabase, mayChangeUnseen, sameIdentity } from "../database/live-database.ts";
import type { LocalStateFile, NotedPosition } from "../database/local-state.ts";
import { letWaitingCheckpointPass, rotateOptimistically, rotateSealed } from "../database/rotation.ts";
import { Spool } from "../database/spool.ts";
import { isBusy } from "../database/sqlite.ts";
import { faultLine, isSystemFault } from "../database/system-fault.ts";
import { tryLockWriters, unlockWriters } from "../database/write-lock.ts";
import type { Logger } from "../logger.ts";
import type { Generation } from "../replica/position.ts";
import { step } from "../steps.ts";
import { framesBefore } from "../wal/frame.ts";
import type { Continuity, LocalEvidence } from "./continuity.ts";
import { LiveLog } from "./live-log.ts";
import type { HeldDatabase, HoldOptions, ShipperHost } from "./shipper-host.ts";
import type { Shipper } from "./shipper.ts";

/** Time stamps of a file system may be as coarse as this: a file changed so recently may change again unseen. */
const STAMP_GRAIN_MS = 20;
const HOLD_RETRY_MS = 2;
/** How long a freeze waits for a commit to stand on before it is done under mark 0, which the next commit ends. Milliseconds. */
const AWAIT_MARK_MS = 100;
const AWAIT_MARK_RETRY_MS = 20;
/** A database whose last commit is older is not waited for: a thousand that start together would wait for seconds. Milliseconds. */
const QUIET_MS = 1000;
/** How long a new generation waits for a rotation before it begins in the middle of a WAL. Milliseconds. */
const AWAIT_ROTATION_MS = 1000;

/** So many histories that were begun are remembered for each replica. */
const MAX_BEGUN = 16;

export interface SessionOptions {
  readonly database: LiveDatabase;
  readonly state: LocalStateFile;
  readonly tuning: FollowerTuning;
  readonly logger: Logger;
  readonly newHistory: boolean;
  readonly bornHere: boolean;
  /** Called when something may be shipped, and when a position was acknowledged. */
  readonly onProgress: () => void;
  /** Called when a step off the ticks failed; a later tick tries it again. */
  readonly onFault: (error: unknown) => void;
}

export class DatabaseSession implements ShipperHost {
  readonly database: LiveDatabase;
  readonly log: LiveLog;
  readonly logger: Logger;
  readonly newHistory: boolean;
  readonly bornHere: boolean;
  readonly follower: Follower;
  readonly #options: SessionOptions;
  readonly #state: LocalStateFile;
  #holders = 0;
  #holding: Promise<void> = Promise.resolve();
  #holdWanted: (() => void) | undefined;
  #rotationWanted = false;
  /** The log's end at the last tick. */
  #seen: LogPlace = { epoch: 0, offset: 0 };
  #sealing = false;
  #lastMove = 0;
  #movedAtBytes = 0;
  /** Counts the moments at which the database file may have begun to change. */
  #fileTurns = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.database = options.database;
    this.logger = options.logger;
    this.newHistory = options.newHistory;
    this.bornHere = options.bornHere;
    this.#state = options.state;
    this.log = new LiveLog(options.database.wal, options.state, options.tuning, options.logger);
    this.follower = new Follower(options.database, options.tuning, this.log);
  }

  start(): void {
    this.follower.start();
    this.log.begin(this.follower.epoch);
    this.#seen = this.follower.epoch.place;
  }

  retryWait(ms: number): number {
    return this.#options.tuning.retryWait?.(ms) ?? ms;
  }

  /** Makes ready for `tryLock`, so that this takes no time under the locks of others. */
  prepareLock(): void {
    this.database.openSealer();
  }

  /** Keeps every writer out until `unlock`; false: somebody is writing. */
  tryLock(): boolean {
    return tryLockWriters(this.database.sealer);
  }

  unlock(): void {
    unlockWriters(this.database.sealer);
  }

  requestRotation(): void {
    this.#rotationWanted = true;
  }

  progressed(): void {
    this.log.dropShipped();
    try {
      this.log.noteWalSize();
    } catch (error) {
      this.#options.onFault(error);
    }
    this.#options.onProgress();
  }

  /**
   * One look at the log, and what follows from it: moving the mark, writing back, rotating. Returns whether anything was
   * committed since the last look. Takes about 0.1 ms, some milliseconds when it writes back.
   */
  tick(now: number): boolean {
    const { follower } = this;
    const before: FollowerMode = follower.mode;
    follower.observe();
    // Others look too, before a snapshot or a restore point: what they saw first is news here all the same.
    const { place } = follower.epoch;
    const grown = comparePlace(place, this.#seen) > 0;
    this.#seen = place;
    // Mark 0 was let go: from here on frames may be written back into the file.
    if (before !== follower.mode) this.#fileTurns++;
    if (grown) this.#options.onProgress();
    if (this.#holders > 0) return grown;
    if (follower.mode === "mark") this.#advance(now, grown);
    else if (now - this.#lastMove >= this.#options.tuning.moveEveryMs) {
      this.#lastMove = now;
      follower.makeSure();
    }
    return grown;
  }

  #advance(now: number, grown: boolean): void {
    const { follower } = this;
    const { tuning } = this.#options;
    const bytes = follower.logBytes;
    // With a tail too long to be kept no rotation can succeed: trying costs the writer, and brings nothing. Nor is anything
    // gained soon by writing back: the same pages are written again meanwhile, and the cores are for shipping.
    const mayRotate = this.log.tailFits(follower.epoch);
    // Where nothing grows, somebody's checkpoint may keep the writers out while it waits for our mark.
    const isFarBehind = grown && !mayRotate;
    if (mayRotate && (this.#rotationWanted || bytes >= tuning.rotateFromBytes)) {
      if (this.#rotate(bytes)) return;
    } else if (this.#isMoveDue(now, bytes, isFarBehind)) {
      if (follower.canMove) {
        follower.move();
        if (follower.epoch.frames >= tuning.writeBackFromFrames) follower.passive();
      } else {
        this.#yieldToWaiting();
      }
    } else {
      return;
    }
    this.#lastMove = now;
    this.#movedAtBytes = bytes;
  }

  #isMoveDue(now: number, bytes: number, isFarBehind: boolean): boolean {
    const { tuning } = this.#options;
    const waited = now - this.#lastMove;
    if (isFarBehind) return waited >= 10 * tuning.moveEveryMs;
    const grown = bytes - this.#movedAtBytes;
    // What little there is can wait a little: pages that are written again soon are then written back once.
    const enough = grown < 0 || grown >= tuning.moveFromBytes || waited >= 4 * tuning.moveEveryMs;
    return (waited >= tuning.moveEveryMs && enough) || grown >= tuning.moveEveryBytes;
  }

  // Somebody else wrote everything back: it may be a RESTART or TRUNCATE that now waits for our mark.
  #yieldToWaiting(): void {
    this.follower.settle();
    const { log, checkpointed } = this.database.checkpointer.state();
    if (log > 0 && log === checkpointed && this.follower.passive().busy) letWaitingCheckpointPass(this.follower);
  }

  #rotate(bytes: number): boolean {
    const done = rotateOptimistically(this.follower);
    if (!done && bytes >= this.#options.tuning.sealFromBytes) void this.#seal();
    if (done) this.#rotationWanted = false;
    return done;
  }

  // The database file is synced just before, off this thread, so that the write lock is held for 2 ms and not for 20.
  async #seal(): Promise<void> {
    if (this.#sealing) return;
    this.#sealing = true;
    try {
      await new Promise<void>((resolve) => fs.fdatasync(this.database.descriptor, () => resolve()));
      if (this.#holders === 0 && this.follower.mode === "mark") rotateSealed(this.follower);
    } catch (error) {
      this.#options.onFault(error);
    } finally {
      this.#sealing = false;
    }
  }

  /**
   * Gives up the mark for mark 0 while nothing is written: no timer need run, and nobody else's checkpoint waits for us.
   * False: not possible now (a long reader, or unshipped bytes).
   */
  rest(): boolean {
    const { follower } = this;
    if (this.#holders > 0) return false;
    if (follower.mode === "mark") {
      if (!follower.allShipped) return false;
      if (follower.canMove) follower.move();
      follower.passive();
      if (!follower.enterBridge()) return false;
    }
    return true;
  }

  async shortWal(signal: AbortSignal): Promise<void> {
    const { number } = this.log.current;
    const until = performance.now() + AWAIT_ROTATION_MS;
    while (!signal.aborted && performance.now() < until) {
      if (this.log.current.number !== number || this.follower.mode === "bridge") return;
      if (this.follower.logBytes < this.#options.tuning.rotateFromBytes) return;
      this.requestRotation();
      await new Promise((resolve) => setTimeout(resolve, HOLD_RETRY_MS));
    }
  }

  async hold(signal: AbortSignal, { onHeld, onWanted }: HoldOptions = {}): Promise<HeldDatabase> {
    const before = this.#holding;
    let release: () => void = () => {};
    this.#holding = new Promise((resolve) => {
      release = resolve;
    });
    this.#holdWanted?.();
    await before;
    this.#holders++;
    this.#holdWanted = onWanted;
    const letGo = (): void => {
      this.#holders--;
      this.#holdWanted = undefined;
      release();
    };
    try {
      const frozen = await this.#freeze(signal, onHeld);
      step("snapshot:frozen");
      const turn = this.#fileTurns;
      return { ...frozen, valid: () => this.#fileTurns === turn, release: letGo };
    } catch (error) {
      letGo();
      throw error;
    }
  }

  async #freeze(
    signal: AbortSignal,
    onHeld: HoldOptions["onHeld"],
  ): Promise<Pick<HeldDatabase, "epoch" | "offset" | "sizeBytes" | "at">> {
    const started = performance.now();
    for (;;) {
      signal.throwIfAborted();
      const at = new Date();
      try {
        const frozen = this.#tryFreeze(performance.now() - started);
        if (frozen !== undefined) {
          onHeld?.({ epoch: frozen.epoch, offset: frozen.offset });
          return { ...frozen, at };
        }
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
      const waitMs = this.follower.mode === "mark" ? HOLD_RETRY_MS : AWAIT_MARK_RETRY_MS;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  #isQuiet(): boolean {
    const sinceMs = Date.now() - (this.database.wal.modifiedMs() ?? fs.fstatSync(this.database.descriptor).mtimeMs);
    return sinceMs > QUIET_MS;
  }

  #tryFreeze(waitedMs: number): { epoch: number; offset: number; sizeBytes: number } | undefined {
    const { follower } = this;
    follower.observe();
    const isTime = follower.mode === "mark" || waitedMs >= AWAIT_MARK_MS || this.#isQuiet();
    const offset = isTime ? follower.freeze() : undefined;
    if (offset !== undefined) {
      const { epoch } = follower;
      return { epoch: epoch.number, offset, sizeBytes: databaseBytesAt(this.database, epoch, offset) };
    }
    // Not frozen: perhaps since somebody's RESTART or TRUNCATE waits for our mark. It goes first.
    if (follower.mode === "mark") this.#yieldToWaiting();
    else follower.makeSure();
    return undefined;
  }

  evidence(): LocalEvidence {
    const { database, follower } = this;
    const { header, log } = follower.look();
    return {
      identity: identityOf(database.path),
      empty: database.isEmpty(),
      state: this.#state.state,
      epoch: follower.epoch,
      log,
      header,
      walBytes: database.wal.size(),
      readWal: (into, offset) => database.wal.read(into, offset),
      readPage: (pageNumber) => {
        const page = Buffer.alloc(database.pageSize);
        const count = fs.readSync(database.descriptor, page, 0, page.byteLength, (pageNumber - 1) * page.byteLength);
        return count === page.byteLength ? page : undefined;
      },
      pageSize: database.pageSize,
    };
  }

  begun(replicaUrl: string): readonly string[] {
    return this.#state.state.begun?.[replicaUrl] ?? [];
  }

  noteBegun(replicaUrl: string, generation: Generation): void {
    const names = [...this.begun(replicaUrl), generation].slice(-MAX_BEGUN);
    this.#state.update({ begun: { ...this.#state.state.begun, [replicaUrl]: names } });
  }

  adoptTail(found: Extract<Continuity, { kind: "spooled" | "old-tail" }>): number | undefined {
    const number = this.log.current.number - 1;
    const end = found.kind === "spooled" ? found.closed.end : found.tail.end;
    // Another replica needed the same WAL's tail before, perhaps less of it.
    const known = this.log.epoch(number);
    if (known !== undefined && known.end !== end) return undefined;
    if (known?.spool !== undefined && known.spool.from <= found.offset) return number;
    const spool = found.kind === "spooled" ? this.#reopenSpool(found.closed) : this.#copyOldTail(found.offset, end);
    if (spool === undefined) return undefined;
    const epoch =
      known ?? new Epoch(number, this.database.pageSize, undefined, framesBefore(end, this.database.pageSize));
    if (known === undefined) {
      epoch.header = { ...found.chain, checkpointSequence: 0 };
      epoch.closed = true;
      this.log.adopt(epoch);
    }
    // Not removed: what is noted of it is what the next start goes by, should this process be killed.
    epoch.spool?.close();
    epoch.spool = spool;
    return number;
  }

  #reopenSpool(closed: Extract<Continuity, { kind: "spooled" }>["closed"]): Spool | undefined {
    if (closed.spool === null) return undefined;
    return Spool.reopen(this.#state.spoolFolder, closed.spool.name, closed.spool.from, closed.end);
  }

  // Nothing but our own mark keeps the new WAL from growing over these frames: copy, then look again.
  #copyOldTail(from: number, end: number): Spool | undefined {
    const before = this.follower.look();
    let spool: Spool | undefined;
    try {
      spool = Spool.create(this.#state.spoolFolder, `old-${from}-${process.pid}.wal`, from);
      spool.extend(this.database.wal, end);
    } catch (error) {
      this.logger("warn", "the rest of the old WAL cannot be kept", {
        folder: this.#state.spoolFolder,
        error: faultLine(error),
      });
      spool?.discard();
      return undefined;
    }
    const after = this.follower.look();
    const same =
      before.header !== undefined && after.header !== undefined && before.header.salt2 === after.header.salt2;
    const reached = 32 + after.log * (24 + this.database.pageSize);
    if (same && reached <= from) return spool;
    spool.discard();
    return undefined;
  }

  /** Whether the WAL cannot be restarted anyway, since somebody else's reader keeps most of it from being written back. */
  isPinnedByOthers(): boolean {
    const { log, checkpointed } = this.database.checkpointer.state();
    return checkpointed < log / 2;
  }

  /** Whether the database file alone is the whole state, and has been for longer than a time stamp's grain. */
  #isWhole(): boolean {
    const { log, checkpointed } = this.database.checkpointer.state();
    return log === checkpointed && this.follower.allShipped;
  }

  /**
   * Notes that the file alone is what every replica given has acknowledged. Until the file is touched again, whatever WAL
   * is found beside it holds only what came later.
   */
  noteRest(shippers: readonly Shipper[]): boolean {
    const identity = identityOf(this.database.path);
    if (identity === undefined || mayChangeUnseen(identity) || !this.#isWhole()) return false;
    const replicas: Record<string, NotedPosition> = {};
    for (const shipper of shippers) {
      const { position } = shipper;
      if (position !== undefined && !shipper.isPending) replicas[shipper.target.client.url] = position;
    }
    const { header, frames } = this.follower.epoch;
    this.#state.update({
      rest: {
        database: identity,
        wal: header === undefined ? null : { salt1: header.salt1, salt2: header.salt2, frames },
        replicas,
      },
    });
    step("rest:noted");
    return sameIdentity(identity, identityOf(this.database.path));
  }

  /** Last steps of an orderly stop: everything written back, the place noted, every connection closed, the WAL kept. */
  async finish(shippers: readonly Shipper[]): Promise<void> {
    try {
      this.follower.observe();
      this.follower.stop();
      step("stop:written-back");
      await new Promise((resolve) => setTimeout(resolve, STAMP_GRAIN_MS));
      this.follower.observe();
      if (shippers.every((shipper) => !shipper.isPending)) this.noteRest(shippers);
      step("stop:recorded");
    } catch (error) {
      // Everything is shipped: without the note the next start proves where it stands by the WAL, or begins anew.
      if (isSystemFault(error) || isBusy(error)) this.#options.onFault(error);
      else if (!(error instanceof ContinuityLost)) throw error;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.log.close();
    this.database.close();
  }
}

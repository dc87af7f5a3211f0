// Follows the log of a live database: holds the mark that keeps unread frames in place, moves it on, and knows where the
// committed log ends. It reads no frames itself; what is shipped is read from the WAL file, which is the queue.
//
// The order of every step is the measured algorithm: "mark, read, release". See docs/how-it-works.md.
import type { WalHeader } from "../wal/header.ts";
import { offsetOfFrames } from "../wal/frame.ts";
import { sameWal } from "../wal/header.ts";
import { step } from "../steps.ts";
import type { LogState } from "./checkpointer.ts";
import { ContinuityLost } from "./continuity-lost.ts";
import { Epoch } from "./epoch.ts";
import type { FollowerTuning } from "./follower-options.ts";
import type { LiveDatabase } from "./live-database.ts";
import type { ReadMark } from "./read-mark.ts";

/**
 * `mark`: we stand on a frame, so nobody can restart the WAL.
 * `bridge`: we hold what may be mark 0: a WAL that is fully written back may be restarted, but no new frame can be written
 * back. Everything up to the end was kept before the bridge was entered, so nothing can be lost on it.
 */
export type FollowerMode = "mark" | "bridge";

export interface Look extends LogState {
  readonly header: WalHeader | undefined;
}

export interface FollowerHost {
  /** Offset in this epoch from which on bytes are not yet acknowledged by every replica; its end where all are. */
  unshippedFrom(epoch: Epoch): number;
  /** Keeps the bytes of the current epoch from `unshippedFrom` to its end outside the WAL; false: too many. */
  keepTail(epoch: Epoch): boolean;
  /** A new epoch began; the one before it is closed. */
  epochClosed(closed: Epoch, next: Epoch): void;
}

export class Follower {
  readonly database: LiveDatabase;
  readonly tuning: FollowerTuning;
  readonly #host: FollowerHost;
  #current: ReadMark;
  #next: ReadMark;
  #mode: FollowerMode = "bridge";
  /** Upper bound of the frame our mark stands on: the log's end as read just after the mark was taken. */
  #markBound = 0;
  /** Whether the mark is known to stand exactly there: nothing was committed while it was taken. */
  #markExact = false;
  #epoch: Epoch;
  #bridgeFrames = 0;
  /** The first mark was taken while it could not be told whether it is mark 0. */
  #unsure = true;

  constructor(database: LiveDatabase, tuning: FollowerTuning, host: FollowerHost) {
    this.database = database;
    this.tuning = tuning;
    this.#host = host;
    [this.#current, this.#next] = database.marks;
    this.#epoch = new Epoch(0, database.pageSize);
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  get mode(): FollowerMode {
    return this.#mode;
  }

  /** Takes the first mark. Whatever it is, it is treated as mark 0 until a later one is known to stand on a frame. */
  start(): void {
    this.#next.take();
    step("start:marked");
    const { header, log } = this.look();
    this.#epoch = new Epoch(0, this.database.pageSize, log > 0 ? header : undefined, log);
    this.#mode = "bridge";
    this.#bridgeFrames = log;
    this.#leaveStartBridge();
  }

  // A WAL with frames that are not all written back gives a real mark at once. The figure of frames written back must be
  // the same before and after the mark was taken: then it was below the log's end at that moment.
  #leaveStartBridge(): void {
    const before = this.database.checkpointer.state();
    if (before.log === 0 || before.checkpointed >= before.log) return;
    this.#current.take();
    const after = this.look();
    if (after.checkpointed === before.checkpointed && after.log >= before.log && this.#isThisWal(after)) {
      this.#next.release();
      this.#enterMark(after, before.log);
      return;
    }
    this.#current.release();
  }

  #isThisWal(look: Look): boolean {
    const header = this.#epoch.header;
    return header !== undefined && look.header !== undefined && sameWal(header, look.header);
  }

  /** Header and log end of one and the same WAL: the header is read before and after, and must agree. */
  look(): Look {
    for (let tries = 0; ; tries++) {
      const before = this.database.wal.header();
      const state = this.database.checkpointer.state();
      const after = this.database.wal.header();
      const same = before === undefined || after === undefined ? before === after : sameWal(before, after);
      if (same || tries > 1000) return { ...state, header: after };
    }
  }

  /**
   * Looks at the log and brings the epoch up to date. On a bridge it also takes a real mark as soon as there is a frame
   * to stand on. Returns whether anything was committed since the last call.
   */
  observe(): boolean {
    const look = this.look();
    return this.#mode === "mark" ? this.#observeMarked(look) : this.#observeBridge(look);
  }

  #observeMarked(look: Look): boolean {
    step("look");
    if (!this.#isThisWal(look)) throw new ContinuityLost("the WAL was restarted under a standing mark");
    if (look.log < this.#epoch.frames) throw new ContinuityLost("the WAL became shorter under a standing mark");
    const grown = look.log > this.#epoch.frames;
    this.#epoch.frames = look.log;
    return grown;
  }

  #observeBridge(look: Look): boolean {
    step("bridge:seen");
    // log 0: truncated, or reset by a RESTART, or a writer is inside the transaction that restarts it. Nothing to read.
    if (look.header === undefined || look.log === 0) return false;
    const known = this.#epoch.header;
    const restarted = known === undefined || !sameWal(known, look.header);
    if (!restarted && look.log === this.#bridgeFrames) {
      if (look.checkpointed < look.log) this.#leaveStartBridge();
      return false;
    }
    if (!restarted && look.log < this.#bridgeFrames) throw new ContinuityLost("the WAL became shorter on a bridge");
    if (known === undefined) this.#epoch.header = look.header;
    else if (restarted) this.#beginEpoch(look.header);
    this.#epoch.frames = look.log;
    // Mark 0 still stands, so the frames just seen cannot be written back: this mark stands on a frame.
    this.#current.take();
    step("bridge:marked");
    const after = this.look();
    if (!this.#isThisWal(after)) throw new ContinuityLost("the WAL was restarted while the bridge was left");
    this.#next.release();
    this.#enterMark(after, look.log);
    step("bridge:released");
    return true;
  }

  #beginEpoch(header: WalHeader): void {
    const closed = this.#epoch;
    // Under mark 0 an appended frame cannot be written back, and a WAL not fully written back cannot be restarted.
    closed.frames = this.#bridgeFrames;
    closed.closed = true;
    this.#epoch = new Epoch(closed.number + 1, this.database.pageSize, header);
    // If no mark can be taken now, what is seen next is compared with this WAL, not with the old one.
    this.#bridgeFrames = 0;
    this.#host.epochClosed(closed, this.#epoch);
  }

  #enterMark(look: Look, logBefore: number): void {
    this.#mode = "mark";
    this.#unsure = false;
    this.#markBound = look.log;
    this.#markExact = look.log === logBefore;
    this.#epoch.frames = look.log;
  }

  /** Whether a commit past our mark was seen: only then is the next mark sure to stand on a frame. */
  get canMove(): boolean {
    return this.#mode === "mark" && this.#epoch.frames > this.#markBound;
  }

  /** Moves the mark to the present end, hand over hand. Only after `canMove`. */
  move(): void {
    const before = this.database.checkpointer.state();
    this.#next.take();
    step("move:marked");
    // Read before the old mark goes: if SQLite cannot tell now, everything stays as it was.
    const bound = this.database.checkpointer.state().log;
    this.#swapMarks();
    this.#markBound = bound;
    this.#markExact = this.#markBound === before.log;
    // Commits since the last look lie below this end, and no restart comes between under a standing mark: a place that is
    // derived from the bound must never be past what the epoch says of itself.
    this.#epoch.frames = Math.max(this.#epoch.frames, this.#markBound);
    step("move:released");
  }

  #swapMarks(): void {
    this.#current.release();
    [this.#current, this.#next] = [this.#next, this.#current];
  }

  /**
   * Moves a mark that may stand short of the end although nothing was committed since: commits came while it was taken.
   * Somebody's FULL, RESTART or TRUNCATE may wait for it to move while it keeps every writer out.
   */
  settle(): void {
    if (this.#mode !== "mark" || this.#markExact) return;
    const before = this.database.checkpointer.state();
    this.#next.take();
    const after = this.look();
    // Less was written back than the log held before the mark was taken: so it stands on a frame.
    if (this.#isThisWal(after) && after.checkpointed < before.log) {
      this.#swapMarks();
      this.#markBound = after.log;
      this.#markExact = after.log === before.log;
      this.#epoch.frames = Math.max(this.#epoch.frames, after.log);
    } else {
      this.#next.release();
    }
  }

  /** Writes back up to our mark. */
  passive(): ReturnType<LiveDatabase["checkpointer"]["passive"]> {
    const result = this.database.checkpointer.passive();
    step("passive");
    return result;
  }

  /**
   * Tries to swap the standing mark for mark 0, with everything kept: afterwards the next write restarts the WAL. Fails
   * without a trace when anything was committed meanwhile, or when not all is written back.
   */
  enterBridge(): boolean {
    this.#next.take();
    step("bridge:mark0");
    const look = this.look();
    const epoch = this.#epoch;
    if (!this.#isThisWal(look)) throw new ContinuityLost("the WAL was restarted under two standing marks");
    epoch.frames = Math.max(epoch.frames, look.log);
    if (look.log !== look.checkpointed || !this.#host.keepTail(epoch)) {
      this.#next.release();
      return false;
    }
    this.#bridgeFrames = look.log;
    this.#mode = "bridge";
    this.#current.release();
    step("bridge:entered");
    return true;
  }

  /**
   * Swaps a first mark of unknown kind for mark 0, on a WAL that is fully written back: somebody's RESTART or TRUNCATE may
   * wait for it. Everything is kept before, as on entering any bridge.
   */
  makeSure(): void {
    if (this.#mode !== "bridge" || !this.#unsure) return;
    const before = this.look();
    if (before.log === 0 || before.log !== before.checkpointed || !this.#isThisWal(before)) return;
    if (!this.#host.keepTail(this.#epoch)) return;
    this.#current.take();
    const after = this.look();
    if (after.log === before.log && this.#isThisWal(after)) {
      this.#next.release();
      [this.#current, this.#next] = [this.#next, this.#current];
      this.#unsure = false;
    } else {
      this.#current.release();
    }
  }

  /** Keeps what is not shipped of the present log outside the WAL; false: too much for a rotation. */
  keepTail(): boolean {
    this.observe();
    return this.#host.keepTail(this.#epoch);
  }

  /** Whether every committed byte of the current epoch is acknowledged by every replica. */
  get allShipped(): boolean {
    return this.#host.unshippedFrom(this.#epoch) >= this.#epoch.end;
  }

  /** Bytes of the current WAL up to its committed end. */
  get logBytes(): number {
    return this.#epoch.end;
  }

  /**
   * The proof that the database file stands still: every page up to our mark is written back and none past it can be.
   * Returns the place whose state the file is while the present mark (of either kind) is held. A checkpoint leaves out
   * every page whose newest version lies past the mark, its older versions too, and counts them as written back all the
   * same: so no frame may be past the mark when it looks.
   */
  freeze(): number | undefined {
    if (this.#mode === "bridge") {
      // log 0: reset by somebody's RESTART or TRUNCATE, and nothing was committed since.
      const { log, checkpointed } = this.database.checkpointer.state();
      const still = log === checkpointed && (log === this.#bridgeFrames || log === 0);
      return still ? this.#endOf(this.#bridgeFrames) : undefined;
    }
    if (this.canMove) this.move();
    const { busy, log, checkpointed } = this.passive();
    // mark ≤ bound and nothing is written back past the mark: equality proves that all up to the mark is. One commit more
    // before SQLite looked, and it is tried again.
    const whole = log === this.#markBound && checkpointed === this.#markBound;
    return !busy && whole ? this.#endOf(this.#markBound) : undefined;
  }

  #endOf(frames: number): number {
    return this.#epoch.header === undefined ? 0 : offsetOfFrames(frames, this.database.pageSize);
  }

  /** Lets go of everything, after a last move so that the database file alone is as complete as it can be. */
  stop(): void {
    if (this.canMove) this.move();
    if (this.#mode === "mark") this.passive();
  }
}

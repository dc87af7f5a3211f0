// The log of one database as its replicas see it: the current WAL, and the unshipped tails of those before it.
import type { Epoch } from "../database/epoch.ts";
import type { FollowerHost } from "../database/follower.ts";
import type { FollowerTuning } from "../database/follower-options.ts";
import type { ClosedWal, LocalStateFile } from "../database/local-state.ts";
import { Spool, WalCut } from "../database/spool.ts";
import { isSystemFault } from "../database/system-fault.ts";
import { Trouble } from "../database/trouble.ts";
import type { WalFile } from "../database/wal-file.ts";
import type { Logger } from "../logger.ts";
import { step } from "../steps.ts";

/** Somebody who still needs bytes of the log: a replica that has not acknowledged them. */
export interface LogReader {
  /** First byte of this epoch still needed; its end when none is. */
  unshippedFrom(epoch: Epoch): number;
  /** No byte will be added to this epoch any more. */
  closed(epoch: Epoch): void;
}

export class LiveLog implements FollowerHost {
  readonly wal: WalFile;
  readonly #state: LocalStateFile;
  readonly #tuning: FollowerTuning;
  readonly #trouble: Trouble;
  readonly #readers = new Set<LogReader>();
  readonly #closed = new Map<number, Epoch>();
  #current: Epoch | undefined;

  constructor(wal: WalFile, state: LocalStateFile, tuning: FollowerTuning, logger: Logger) {
    this.wal = wal;
    this.#state = state;
    this.#tuning = tuning;
    this.#trouble = new Trouble(logger, {
      failing: `${state.spoolFolder} does not take what is not shipped yet; the WAL grows until it is shipped`,
      over: `${state.spoolFolder} takes what is not shipped yet again`,
    });
  }

  /** The follower's epoch, set once it has started; later ones arrive through `epochClosed`. */
  begin(current: Epoch): void {
    this.#current = current;
  }

  /** Takes over a WAL that was closed before this process started, with its tail. Oldest first. */
  adopt(epoch: Epoch): void {
    this.#closed.set(epoch.number, epoch);
  }

  get current(): Epoch {
    if (this.#current === undefined) throw new Error("the log was not begun");
    return this.#current;
  }

  epoch(number: number): Epoch | undefined {
    return number === this.current.number ? this.current : this.#closed.get(number);
  }

  addReader(reader: LogReader): void {
    this.#readers.add(reader);
  }

  removeReader(reader: LogReader): void {
    this.#readers.delete(reader);
  }

  unshippedFrom(epoch: Epoch): number {
    let from = epoch.end;
    for (const reader of this.#readers) from = Math.min(from, reader.unshippedFrom(epoch));
    return from;
  }

  /** Bytes kept outside the WAL for epochs that are closed. */
  get #spooledBytes(): number {
    let bytes = 0;
    for (const epoch of this.#closed.values())
      if (epoch.spool !== undefined) bytes += epoch.spool.end - epoch.spool.from;
    return bytes;
  }

  /** Whether what is not shipped of this epoch is little enough to be kept outside the WAL. */
  tailFits(epoch: Epoch): boolean {
    const bytes = epoch.end - this.unshippedFrom(epoch);
    return bytes <= 0 || this.#spooledBytes + bytes <= this.#tuning.spoolLimitBytes;
  }

  keepTail(epoch: Epoch): boolean {
    const from = this.unshippedFrom(epoch);
    if (from >= epoch.end) {
      epoch.spool?.discard();
      epoch.spool = undefined;
      return true;
    }
    if (!this.tailFits(epoch)) return false;
    try {
      if (epoch.spool === undefined || epoch.spool.from > from) {
        epoch.spool?.discard();
        epoch.spool = undefined;
        epoch.spool = Spool.create(this.#state.spoolFolder, `${epoch.number}-${from}-${process.pid}.wal`, from);
      }
      epoch.spool.extend(this.wal, epoch.end);
    } catch (error) {
      // Somebody has restarted the WAL since it was looked at: the next look sees that, and what it means.
      if (!(error instanceof WalCut)) {
        if (!isSystemFault(error)) throw error;
        this.#trouble.failed(error);
      }
      // What it holds so far may be what filled the disk.
      epoch.spool?.discard();
      epoch.spool = undefined;
      return false;
    }
    this.#trouble.worked();
    return true;
  }

  epochClosed(closed: Epoch, next: Epoch): void {
    this.#closed.set(closed.number, closed);
    this.#current = next;
    for (const reader of this.#readers) reader.closed(closed);
    this.dropShipped();
    step("epoch:closed");
    this.#noteClosed(closed, next);
  }

  // So that, if this process is killed now, the next one knows that the old WAL's tail is whole and what follows it.
  #noteClosed(closed: Epoch, next: Epoch): void {
    if (closed.header === undefined || next.header === undefined) return;
    const record: ClosedWal = {
      salt1: closed.header.salt1,
      salt2: closed.header.salt2,
      end: closed.end,
      spool: closed.spool === undefined ? null : { name: closed.spool.name, from: closed.spool.from },
      next: { salt1: next.header.salt1, salt2: next.header.salt2 },
    };
    const kept = this.#keptRecords();
    this.#state.update({ closed: [...kept, record] });
  }

  // Only the chain that leads to the present WAL without a gap is of use; older records go.
  #keptRecords(): ClosedWal[] {
    const names = new Set<string>();
    for (const epoch of this.#closed.values()) if (epoch.spool !== undefined) names.add(epoch.spool.name);
    return (this.#state.state.closed ?? []).filter((record) => record.spool !== null && names.has(record.spool.name));
  }

  /** Forgets closed epochs of which every reader has everything. */
  dropShipped(): void {
    for (const epoch of this.#closed.values()) {
      if (this.unshippedFrom(epoch) < epoch.end) return;
      epoch.spool?.discard();
      epoch.spool = undefined;
      this.#closed.delete(epoch.number);
    }
  }

  /** Notes the WAL file's size, so that a later cut of it cannot pass for its end. */
  noteWalSize(): void {
    const size = this.wal.size();
    const seen = this.#state.state.wal ?? { largest: 0, shrank: false };
    const shrank = seen.shrank || size < seen.largest;
    if (size > seen.largest || shrank !== seen.shrank) {
      this.#state.update({ wal: { largest: Math.max(size, seen.largest), shrank } });
    }
  }

  close(): void {
    for (const epoch of this.#closed.values()) epoch.spool?.close();
    this.#current?.spool?.discard();
  }
}

// One life of the WAL file, from one restart to the next, as the follower saw it.
import { offsetOfFrames } from "../wal/frame.ts";
import type { WalHeader } from "../wal/header.ts";
import type { Spool } from "./spool.ts";
import type { WalFile } from "./wal-file.ts";

/** A committed place in the live log. Epochs count from 0 at the follower's start; a replica maps them to its indexes. */
export interface LogPlace {
  readonly epoch: number;
  /** Bytes into that WAL; 0 where it has no header yet. */
  readonly offset: number;
}

export function comparePlace(a: LogPlace, b: LogPlace): number {
  return a.epoch - b.epoch || a.offset - b.offset;
}

export class Epoch {
  readonly number: number;
  readonly pageSize: number;
  /** `undefined` until the first commit of this WAL was seen. */
  header: WalHeader | undefined;
  /** Frames committed, as far as seen. */
  frames = 0;
  /** No frame will be added any more: the next epoch has begun. */
  closed = false;
  /** Where the unshipped tail lies once the WAL file itself may be overwritten. */
  spool: Spool | undefined;

  constructor(number: number, pageSize: number, header?: WalHeader, frames = 0) {
    this.number = number;
    this.pageSize = pageSize;
    this.header = header;
    this.frames = frames;
  }

  /** Byte offset at which the committed log ends. */
  get end(): number {
    return this.header === undefined ? 0 : offsetOfFrames(this.frames, this.pageSize);
  }

  get place(): LogPlace {
    return { epoch: this.number, offset: this.end };
  }

  /**
   * Fills `into` with this WAL's bytes from `offset` on. From the live file the bytes may turn out to be a newer WAL's,
   * if a rotation came between: whoever reads proves salts and checksums, and reads again.
   */
  read(wal: WalFile, into: Uint8Array, offset: number): number {
    if (this.spool !== undefined && (this.closed || (offset >= this.spool.from && offset < this.spool.end))) {
      return this.spool.read(into, offset);
    }
    return wal.read(into, offset);
  }
}

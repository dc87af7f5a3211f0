// Proves a run of frames: each carries the WAL's salts, and its checksum continues the one before it.
import { RunningChecksum, type WalChecksum } from "./checksum.ts";
import { FRAME_HEADER_BYTES, frameBytes } from "./frame.ts";
import type { WalHeader } from "./header.ts";

/** Why a frame does not continue its chain. */
export type ChainBreak = "salt" | "checksum" | "page-number";

/** What is needed to go on proving at some offset of a WAL. */
export interface ChainState {
  readonly littleEndian: boolean;
  readonly pageSize: number;
  readonly salt1: number;
  readonly salt2: number;
  readonly checksum: WalChecksum;
}

export interface FrameVisitor {
  /** Called for each proven frame, in order. `at` is its offset in the bytes handed to `advance`. */
  (pageNumber: number, commitPages: number, at: number): void;
}

/** Walks frames and proves them one by one. Holds no bytes. */
export class FrameChain {
  readonly pageSize: number;
  readonly frameBytes: number;
  readonly #salt1: number;
  readonly #salt2: number;
  readonly #littleEndian: boolean;
  readonly #sum: RunningChecksum;
  #broken: ChainBreak | undefined;

  constructor(state: ChainState) {
    this.pageSize = state.pageSize;
    this.frameBytes = frameBytes(state.pageSize);
    this.#salt1 = state.salt1;
    this.#salt2 = state.salt2;
    this.#littleEndian = state.littleEndian;
    this.#sum = new RunningChecksum(state.littleEndian, state.checksum);
  }

  /** The chain of a WAL's first frame. */
  static fromHeader(header: WalHeader): FrameChain {
    return new FrameChain(header);
  }

  /** Why the chain ended, once `advance` returned less than it was given whole frames of. */
  get broken(): ChainBreak | undefined {
    return this.#broken;
  }

  /** A copy of the state after the last proven frame, from which another chain can go on. */
  get state(): ChainState {
    return {
      littleEndian: this.#littleEndian,
      pageSize: this.pageSize,
      salt1: this.#salt1,
      salt2: this.#salt2,
      checksum: this.#sum.value,
    };
  }

  /**
   * Proves as many whole frames of `bytes` as continue the chain and returns how many bytes those are. A frame that does
   * not is left unproven and named by `broken`; the state stays after the last proven frame.
   */
  advance(bytes: Uint8Array, visit?: FrameVisitor): number {
    this.#broken = undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sum = this.#sum;
    let at = 0;
    for (; at + this.frameBytes <= bytes.byteLength; at += this.frameBytes) {
      if (view.getUint32(at + 8) !== this.#salt1 || view.getUint32(at + 12) !== this.#salt2) {
        this.#broken = "salt";
        break;
      }
      const pageNumber = view.getUint32(at);
      if (pageNumber === 0) {
        this.#broken = "page-number";
        break;
      }
      const s1 = sum.s1;
      const s2 = sum.s2;
      sum.add(view, at, 8);
      sum.add(view, at + FRAME_HEADER_BYTES, this.pageSize);
      if (!sum.matches(view, at + 16)) {
        sum.s1 = s1;
        sum.s2 = s2;
        this.#broken = "checksum";
        break;
      }
      visit?.(pageNumber, view.getUint32(at + 4), at);
    }
    return at;
  }
}

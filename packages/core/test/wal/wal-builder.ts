// Builds WAL bytes for tests, with right salts and checksums.
import { RunningChecksum } from "../../src/wal/checksum.ts";
import { FRAME_HEADER_BYTES, frameBytes } from "../../src/wal/frame.ts";
import { encodeWalHeader, parseWalHeader, WAL_HEADER_BYTES } from "../../src/wal/header.ts";

export const PAGE_SIZES: readonly number[] = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

export interface WalOptions {
  readonly littleEndian?: boolean;
  readonly pageSize: number;
  readonly checkpointSequence?: number;
  readonly salt1: number;
  readonly salt2: number;
}

export interface FrameSpec {
  readonly page: number;
  /** Default: bytes that depend on the frame's place. */
  readonly data?: Uint8Array | undefined;
  /** Pages of the database after the commit that this frame ends; default 0, no commit. */
  readonly commitPages?: number;
}

export function buildWal(options: WalOptions, frames: readonly FrameSpec[]): Uint8Array<ArrayBuffer> {
  const littleEndian = options.littleEndian ?? true;
  const head = encodeWalHeader({ checkpointSequence: 0, ...options, littleEndian });
  const header = parseWalHeader(head);
  if (header === undefined) throw new Error("not a header");
  const size = frameBytes(options.pageSize);
  const wal = new Uint8Array(WAL_HEADER_BYTES + frames.length * size);
  wal.set(head);
  const view = new DataView(wal.buffer);
  const sum = new RunningChecksum(littleEndian, header.checksum);
  frames.forEach((frame, number) => {
    const at = WAL_HEADER_BYTES + number * size;
    view.setUint32(at, frame.page);
    view.setUint32(at + 4, frame.commitPages ?? 0);
    view.setUint32(at + 8, options.salt1);
    view.setUint32(at + 12, options.salt2);
    wal.set(frame.data ?? filler(options.pageSize, number), at + FRAME_HEADER_BYTES);
    sum.add(view, at, 8);
    sum.add(view, at + FRAME_HEADER_BYTES, options.pageSize);
    view.setUint32(at + 16, sum.value.s1);
    view.setUint32(at + 20, sum.value.s2);
  });
  return wal;
}

function filler(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * (seed + 3) + (i >> 8) + seed) & 255);
}

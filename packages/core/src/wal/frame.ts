// One frame of a WAL: a 24-byte header and a page (SQLite file format, section 4.1).
import { WAL_HEADER_BYTES } from "./header.ts";

export const FRAME_HEADER_BYTES = 24;

export interface FrameHeader {
  readonly pageNumber: number;
  /** Pages of the database after the commit that this frame ends; 0 where it ends none. */
  readonly commitPages: number;
  readonly salt1: number;
  readonly salt2: number;
}

export function frameBytes(pageSize: number): number {
  return FRAME_HEADER_BYTES + pageSize;
}

export function parseFrameHeader(view: DataView, offset: number): FrameHeader {
  return {
    pageNumber: view.getUint32(offset),
    commitPages: view.getUint32(offset + 4),
    salt1: view.getUint32(offset + 8),
    salt2: view.getUint32(offset + 12),
  };
}

/** Byte offset at which frame number `count` ends, which is also where the next begins; 0 frames: after the header. */
export function offsetOfFrames(count: number, pageSize: number): number {
  return WAL_HEADER_BYTES + count * frameBytes(pageSize);
}

/** Whole frames before a byte offset of a WAL file. */
export function framesBefore(offset: number, pageSize: number): number {
  return offset <= WAL_HEADER_BYTES ? 0 : Math.floor((offset - WAL_HEADER_BYTES) / frameBytes(pageSize));
}

/** The largest offset at or below `size` at which a frame, or the header, ends (formats.md A4). */
export function frameAlign(size: number, pageSize: number): number {
  return size < WAL_HEADER_BYTES ? 0 : offsetOfFrames(framesBefore(size, pageSize), pageSize);
}

/** The page that holds SQLite's lock byte: always zeros in the file, never in a WAL (formats.md D2). */
export function lockPageNumber(pageSize: number): number {
  return 0x40000000 / pageSize + 1;
}

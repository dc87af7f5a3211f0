// The LZ4 frame format's fixed parts: magics, the header that is written here, the descriptor as it is read.
import { Lz4Error } from "./lz4-error.ts";
import { xxh32 } from "./xxh32.ts";

export const FRAME_MAGIC = 0x184d2204;
/** The first of sixteen; the low four bits are free. */
export const SKIPPABLE_MAGIC = 0x184d2a50;
/** Set in a block's size: the block is stored as it is. */
export const STORED_RAW = 0x80000000;
/** How far back a block may reach that depends on those before it. */
export const LINKED_WINDOW_BYTES: number = 64 << 10;
/** Of all skippable frames of an object together, heads included. */
export const MAX_SKIPPABLE_BYTES: number = 64 << 10;
export const SKIPPABLE_HEAD_BYTES = 8;

/** Version 1, independent blocks, content checksum; largest block 4 MiB: byte for byte what Litestream 0.3.13 writes. */
export const FRAME_HEADER: readonly number[] = [0x04, 0x22, 0x4d, 0x18, 0x64, 0x70, 0xb9];

export interface FrameDescriptor {
  readonly independent: boolean;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  readonly contentBytes: number | undefined;
  readonly maxBlockBytes: number;
}

const VERSION = 1;
const FLAG_INDEPENDENT = 0x20;
const FLAG_BLOCK_CHECKSUMS = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_RESERVED = 0x02;
const FLAG_DICTIONARY = 0x01;
const SIZES_RESERVED = 0x8f;
const SMALLEST_SIZE_CODE = 4;

/** Bytes of a descriptor that begins with `flags`, its checksum included. */
export function descriptorBytes(flags: number): number {
  return 3 + ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8) + ((flags & FLAG_DICTIONARY) === 0 ? 0 : 4);
}

/** Reads a whole descriptor that begins at `offset` of the object. Throws `Lz4Error` for one that cannot be followed. */
export function parseDescriptor(bytes: Uint8Array, offset: number): FrameDescriptor {
  const view = viewOf(bytes);
  const flags = view.getUint8(0);
  const sizes = view.getUint8(1);
  const sizeCode = (sizes >> 4) & 7;
  const last = bytes.byteLength - 1;
  if (flags >> 6 !== VERSION) throw new Lz4Error("bad-header", offset, `a frame of version ${flags >> 6}, not 1,`);
  if (((xxh32(bytes.subarray(0, last)) >> 8) & 255) !== view.getUint8(last)) {
    throw new Lz4Error("header-checksum", offset, "the frame header's checksum is wrong");
  }
  if ((flags & FLAG_RESERVED) !== 0 || (sizes & SIZES_RESERVED) !== 0) {
    throw new Lz4Error("reserved-bits", offset, "the frame header uses reserved bits");
  }
  if (sizeCode < SMALLEST_SIZE_CODE)
    throw new Lz4Error("bad-header", offset, `a frame with block size code ${sizeCode}`);
  if ((flags & FLAG_DICTIONARY) !== 0) throw new Lz4Error("unsupported", offset, "a frame that needs a dictionary");
  return {
    independent: (flags & FLAG_INDEPENDENT) !== 0,
    blockChecksums: (flags & FLAG_BLOCK_CHECKSUMS) !== 0,
    contentChecksum: (flags & FLAG_CONTENT_CHECKSUM) !== 0,
    contentBytes: (flags & FLAG_CONTENT_SIZE) === 0 ? undefined : Number(view.getBigUint64(2, true)),
    maxBlockBytes: 1 << (8 + 2 * sizeCode),
  };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

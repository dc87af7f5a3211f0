// LZ4 frames in every form that a writer, or damage, may give them, and where the parts of a stored object begin and end.
import { compressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { xxh32 } from "../../../../packages/core/src/codec/xxh32.ts";

const SKIPPABLE = 0x184d2a50;

export interface FrameForm {
  /** Plain bytes in a block, at most 64 KiB; blocks are stored as they are. */
  readonly blockBytes?: number;
  readonly blockChecksums?: "right" | "wrong";
  readonly contentChecksum?: "right" | "wrong" | "absent";
  readonly contentSize?: "right" | "wrong";
  readonly endMark?: boolean;
}

/** One frame of 64 KiB blocks that are not compressed. */
export function frameOf(plain: Uint8Array, form: FrameForm = {}): Buffer {
  const { blockBytes = 65_536, blockChecksums, contentChecksum = "right", contentSize, endMark = true } = form;
  const flags =
    0x60 |
    (blockChecksums === undefined ? 0 : 0x10) |
    (contentSize === undefined ? 0 : 0x08) |
    (contentChecksum === "absent" ? 0 : 0x04);
  const size = Buffer.alloc(contentSize === undefined ? 0 : 8);
  if (contentSize !== undefined) size.writeBigUInt64LE(BigInt(plain.byteLength + (contentSize === "wrong" ? 1 : 0)));
  const descriptor = Buffer.concat([Buffer.of(flags, 0x40), size]);
  const parts: Uint8Array[] = [
    Buffer.of(0x04, 0x22, 0x4d, 0x18),
    descriptor,
    Buffer.of((xxh32(descriptor) >> 8) & 255),
  ];
  for (let at = 0; at < plain.byteLength; at += blockBytes) {
    const block = plain.subarray(at, at + blockBytes);
    parts.push(word((block.byteLength | 0x80000000) >>> 0), block);
    if (blockChecksums !== undefined) parts.push(word((xxh32(block) ^ (blockChecksums === "wrong" ? 1 : 0)) >>> 0));
  }
  if (endMark) parts.push(word(0));
  if (contentChecksum !== "absent" && endMark) {
    parts.push(word((xxh32(plain) ^ (contentChecksum === "wrong" ? 1 : 0)) >>> 0));
  }
  return Buffer.concat(parts);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The object with other content, and what stood before its frame. */
export function withContent(stored: Uint8Array, plain: Uint8Array): Buffer {
  return Buffer.concat([headOf(stored), compressAll(plain)]);
}

/** The skippable frames before the frame; as far as they are whole, where something else was damaged before. */
export function headOf(stored: Uint8Array): Buffer {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  let at = 0;
  while (at + 8 <= stored.byteLength && (view.getUint32(at, true) & 0xfffffff0) >>> 0 === SKIPPABLE) {
    at += 8 + view.getUint32(at + 4, true);
  }
  return Buffer.from(stored.subarray(0, at));
}

export interface Parts {
  /** Where a part begins or ends, ascending; the first is 0, the last the object's length. */
  readonly borders: readonly number[];
  /** Bytes that are structure, not content: magics, sizes, descriptors, checksums, the proof. */
  readonly structure: readonly number[];
}

/** Of a sound object. */
export function partsOf(stored: Uint8Array): Parts {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const borders = [0];
  const structure: number[] = [];
  let at = 0;
  const take = (bytes: number, isStructure: boolean): void => {
    if (isStructure) for (let n = 0; n < bytes; n++) structure.push(at + n);
    at += bytes;
    borders.push(at);
  };
  while ((view.getUint32(at, true) & 0xfffffff0) >>> 0 === SKIPPABLE) {
    const size = view.getUint32(at + 4, true);
    take(4, true);
    take(4, true);
    take(size, true);
  }
  const flags = stored[at + 4] ?? 0;
  take(4, true);
  take(3 + ((flags & 0x08) === 0 ? 0 : 8), true);
  for (;;) {
    const size = view.getUint32(at, true);
    take(4, true);
    if (size === 0) break;
    take(size & 0x7fffffff, false);
    if ((flags & 0x10) !== 0) take(4, true);
  }
  if ((flags & 0x04) !== 0) take(4, true);
  if (at !== stored.byteLength) throw new Error(`parts of ${at} bytes in an object of ${stored.byteLength}`);
  return { borders: [...new Set(borders)], structure };
}

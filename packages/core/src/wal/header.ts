// The 32-byte header of a WAL file (SQLite file format, section 4.1).
import { RunningChecksum, type WalChecksum } from "./checksum.ts";

export const WAL_HEADER_BYTES = 32;
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
const FORMAT_VERSION = 3007000;

export interface WalHeader {
  /** Order of the words over which checksums run. The fields themselves are always big-endian. */
  readonly littleEndian: boolean;
  /** Bytes, a power of two from 512 to 65536. */
  readonly pageSize: number;
  readonly checkpointSequence: number;
  /** Rises by one when a writer restarts the WAL; drawn at random when the WAL was made anew. */
  readonly salt1: number;
  /** Drawn at random for each WAL. */
  readonly salt2: number;
  /** The header's own checksum: where the chain of the frames starts. */
  readonly checksum: WalChecksum;
}

export function isPageSize(value: number): boolean {
  return value >= 512 && value <= 65536 && (value & (value - 1)) === 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads and proves a header. `undefined`: too short, not a WAL header, or its checksum is wrong. */
export function parseWalHeader(bytes: Uint8Array): WalHeader | undefined {
  if (bytes.byteLength < WAL_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const magic = view.getUint32(0);
  if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return undefined;
  const pageSize = view.getUint32(8);
  if (view.getUint32(4) !== FORMAT_VERSION || !isPageSize(pageSize)) return undefined;
  const littleEndian = magic === MAGIC_LITTLE_ENDIAN;
  const sum = new RunningChecksum(littleEndian);
  sum.add(view, 0, 24);
  if (!sum.matches(view, 24)) return undefined;
  return {
    littleEndian,
    pageSize,
    checkpointSequence: view.getUint32(12),
    salt1: view.getUint32(16),
    salt2: view.getUint32(20),
    checksum: sum.value,
  };
}

/** Writes a header with its checksum; the inverse of `parseWalHeader`. */
export function encodeWalHeader(header: Omit<WalHeader, "checksum">): Uint8Array {
  const bytes = new Uint8Array(WAL_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, header.littleEndian ? MAGIC_LITTLE_ENDIAN : MAGIC_BIG_ENDIAN);
  view.setUint32(4, FORMAT_VERSION);
  view.setUint32(8, header.pageSize);
  view.setUint32(12, header.checkpointSequence);
  view.setUint32(16, header.salt1);
  view.setUint32(20, header.salt2);
  const sum = new RunningChecksum(header.littleEndian);
  sum.add(view, 0, 24);
  view.setUint32(24, sum.value.s1);
  view.setUint32(28, sum.value.s2);
  return bytes;
}

/** Whether two headers belong to the same WAL: the salts are drawn anew for each. */
export function sameWal(a: WalHeader, b: WalHeader): boolean {
  return a.salt1 === b.salt1 && a.salt2 === b.salt2;
}

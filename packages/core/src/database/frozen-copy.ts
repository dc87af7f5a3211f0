// The bytes of a database file that stands still, as a stream: what a snapshot is made of.
import fs from "node:fs";
import { FRAME_HEADER_BYTES, frameBytes, parseFrameHeader } from "../wal/frame.ts";
import type { Epoch } from "./epoch.ts";
import type { LiveDatabase } from "./live-database.ts";

const CHUNK_BYTES = 1 << 20;

/** The database file is the state at `offset` of `epoch` for as long as `valid` says so. */
export interface FrozenDatabase {
  readonly epoch: number;
  readonly offset: number;
  /** Bytes of the database at that place. */
  readonly sizeBytes: number;
  /** False from the moment at which the file may have changed. */
  readonly valid: () => boolean;
}

/** The file may have changed while it was copied: the copy is worth nothing. */
export class FreezeBroken extends Error {
  constructor() {
    super("the database was written to while its snapshot was taken under a mark that could not hold it");
    this.name = "FreezeBroken";
  }
}

/** Size of the database in bytes at a committed end: the commit frame that ends there says so. */
export function databaseBytesAt(database: LiveDatabase, epoch: Epoch, offset: number): number {
  const fileBytes = fs.fstatSync(database.descriptor).size;
  const size = frameBytes(database.pageSize);
  if (offset < size) return fileBytes;
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  if (epoch.read(database.wal, head, offset - size) < head.byteLength) return fileBytes;
  const frame = parseFrameHeader(new DataView(head.buffer, head.byteOffset, head.byteLength), 0);
  const known = epoch.header !== undefined && frame.salt1 === epoch.header.salt1 && frame.salt2 === epoch.header.salt2;
  return known && frame.commitPages > 0 ? Math.min(fileBytes, frame.commitPages * database.pageSize) : fileBytes;
}

/** Streams the frozen file. Throws `FreezeBroken` instead of handing on a byte that might be newer. */
export async function* frozenBytes(
  database: LiveDatabase,
  frozen: FrozenDatabase,
  onChunk: () => void = () => {},
): AsyncGenerator<Uint8Array> {
  let at = 0;
  while (at < frozen.sizeBytes) {
    const wanted = Math.min(CHUNK_BYTES, frozen.sizeBytes - at);
    const bytes = await readAt(database.descriptor, wanted, at);
    if (!frozen.valid()) throw new FreezeBroken();
    if (bytes.byteLength === 0) throw new Error(`${database.path} ends at ${at} bytes, expected ${frozen.sizeBytes}`);
    at += bytes.byteLength;
    onChunk();
    yield bytes;
  }
}

function readAt(descriptor: number, length: number, position: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  return new Promise((resolve, reject) => {
    fs.read(descriptor, bytes, 0, length, position, (error, count) =>
      error === null ? resolve(bytes.subarray(0, count)) : reject(error),
    );
  });
}

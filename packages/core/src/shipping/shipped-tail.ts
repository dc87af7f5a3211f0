// Where a replica's history ends, read from the replica itself: one listing, one object.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";
import { LitewakeError } from "../errors.ts";
import { type Catalog, type GenerationRecord, readCatalog } from "../replica/catalog.ts";
import { segmentKey, snapshotKey } from "../replica/layout.ts";
import { newestHistory } from "../replica/newest-history.ts";
import type { Generation } from "../replica/position.ts";
import { decodeSegmentProof, type SegmentProof } from "../replica/proof.ts";
import type { SegmentRecord } from "../replica/segment-table.ts";
import { frameBytes } from "../wal/frame.ts";
import { WAL_HEADER_BYTES } from "../wal/header.ts";

/** Enough to see how an object is stored. */
const TOUCHED_BYTES = 64;

/** Where the segments of an index end. */
export interface IndexEnd {
  readonly index: number;
  /** Where the next byte belongs; 0 where the index has a snapshot and no segment yet. */
  readonly offset: number;
  /** The last frame, header and page; `undefined` where the index holds only its header, or nothing. */
  readonly lastFrame: Uint8Array | undefined;
  /** The 32-byte header, where the last segment begins with it. */
  readonly header: Uint8Array | undefined;
  /** The history ends with a fence (fence.ts): nothing may follow in this index. `undefined`: it does not. */
  readonly fence: Fence | undefined;
}

/** The end of the newest generation of a replica. */
export interface ShippedTail extends IndexEnd {
  readonly generation: Generation;
  /** Where there is only a snapshot of this index: the end of the index before, which is the same state. */
  readonly before?: IndexEnd | undefined;
  readonly newestSnapshot: { readonly index: number; readonly at: Date };
  /** The store's date of the newest object. */
  readonly updatedAt: Date;
}

/** What a fence says of the history before it. */
export interface Fence {
  /** Places of its present state; a restore can stop at the first. */
  readonly follows: NonNullable<SegmentProof["follows"]>;
  /** The index before and its end. */
  readonly index: number;
  readonly end: number;
}

/** The generation that is the newest truth; one without a snapshot cannot be restored and does not count. */
export async function newestGeneration(
  client: ReplicaClient,
  options: CallOptions,
): Promise<{ readonly catalog: Catalog; readonly record: GenerationRecord | undefined }> {
  const catalog = await readCatalog(client, options);
  const restorable = catalog.generations.filter(({ snapshots }) => snapshots.length > 0);
  return { catalog, record: await newestHistory(client, restorable, options.signal) };
}

/** Reads the tail of a generation. The last segment is streamed; only its last frame is kept. `at` -2: without the last. */
export async function readShippedTail(
  client: ReplicaClient,
  record: GenerationRecord,
  pageSize: number,
  signal: AbortSignal | undefined,
  at: -1 | -2 = -1,
): Promise<ShippedTail> {
  const snapshot = record.snapshots.at(-1);
  if (snapshot === undefined) throw new Error(`generation ${record.generation} has no snapshot`);
  const base = {
    generation: record.generation,
    newestSnapshot: { index: snapshot.index, at: snapshot.modifiedAt },
    updatedAt: record.updatedAt,
  };
  const last = record.segments.at(at);
  if (last === undefined || last.index < snapshot.index) {
    // Its segments must be as it is: encrypted or not, and for these keys.
    await touch(client, snapshotKey(record.generation, snapshot.index), signal);
    const isNext = last !== undefined && last.index === snapshot.index - 1;
    const before = isNext ? await readEnd(client, record.generation, last, pageSize, signal) : undefined;
    return {
      ...base,
      index: snapshot.index,
      offset: 0,
      lastFrame: undefined,
      header: undefined,
      fence: undefined,
      before,
    };
  }
  return { ...base, ...(await readEnd(client, record.generation, last, pageSize, signal)) };
}

async function readEnd(
  client: ReplicaClient,
  generation: Generation,
  last: Pick<SegmentRecord, "index" | "offset">,
  pageSize: number,
  signal: AbortSignal | undefined,
): Promise<IndexEnd> {
  const key = segmentKey(generation, last.index, last.offset);
  const size = frameBytes(pageSize);
  const decoder = new Lz4FrameDecoder();
  let length = 0;
  let tail: Uint8Array = new Uint8Array(0);
  let header: Uint8Array | undefined;
  try {
    for await (const stored of await client.get(key, { signal })) {
      for (const chunk of decoder.push(stored)) {
        const joined = Buffer.concat([tail, chunk]);
        if (last.offset === 0 && header === undefined && joined.byteLength >= WAL_HEADER_BYTES) {
          header = Uint8Array.from(joined.subarray(0, WAL_HEADER_BYTES));
        }
        length += chunk.byteLength;
        tail = Uint8Array.from(joined.subarray(Math.max(0, joined.byteLength - size)));
      }
    }
    decoder.end();
  } catch (error) {
    if (error instanceof Error && error.name === "Lz4Error") {
      throw new LitewakeError("damaged", `${client.url}/${key} cannot be read: ${error.message}`, { cause: error });
    }
    throw error;
  }
  const offset = last.offset + length;
  const frames = (offset - WAL_HEADER_BYTES) % size === 0 && offset >= WAL_HEADER_BYTES + size;
  const whole = frames && length >= size ? tail : undefined;
  const proof = last.offset === 0 && length === 0 ? decodeSegmentProof(decoder.skippable) : undefined;
  const before = proof?.previous ?? { index: last.index, end: 0 };
  const follows = proof?.follows ?? [{ index: before.index, offset: before.end }];
  const fence = proof?.fence === 0 ? { ...before, follows } : undefined;
  return { index: last.index, offset, lastFrame: whole, header, fence };
}

async function touch(client: ReplicaClient, key: string, signal: AbortSignal | undefined): Promise<void> {
  const chunks = (await client.get(key, { length: TOUCHED_BYTES, signal }))[Symbol.asyncIterator]();
  try {
    await chunks.next();
  } finally {
    await chunks.return?.();
  }
}

// Fences off what another process was about to write. Its puts are made if absent and in order, so only two names can be the
// next one of a history: the place where it ends, and the beginning of the next index. Both are given to segments without
// a byte of WAL. Whatever arrives late then changes no restore, Litestream's neither: it finds its name taken.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { compressAll, decompress } from "../codec/lz4-stream.ts";
import { LitewakeError } from "../errors.ts";
import type { GenerationRecord } from "../replica/catalog.ts";
import { segmentKey } from "../replica/layout.ts";
import type { Position } from "../replica/position.ts";
import { encodeProof, type SegmentProof } from "../replica/proof.ts";
import { parseFrameHeader } from "../wal/frame.ts";
import { parseWalHeader, WAL_HEADER_BYTES } from "../wal/header.ts";
import { newestGeneration, readShippedTail, type ShippedTail } from "./shipped-tail.ts";

/** A late put may come in between the look and the fence, each time one more; that many are nobody's last requests. */
const TRIES = 20;

/**
 * Ends the newest history of a replica where it stands. Does nothing where there is none, and where its end cannot be
 * proved (damage, or a transaction of Litestream's without its end): there the next history begins anew in any case.
 */
export async function fence(client: ReplicaClient, options: CallOptions = {}): Promise<void> {
  if (!client.capabilities.putIfAbsent) return;
  for (let tries = 0; tries < TRIES; tries++) {
    const { record } = await newestGeneration(client, options);
    if (record === undefined || (await fenceOff(client, record, options))) return;
  }
  throw new ReplicaError({
    code: "Unavailable",
    operation: "put",
    reason: "another process goes on writing to this replica",
  });
}

/** False: something came in meanwhile. */
async function fenceOff(client: ReplicaClient, record: GenerationRecord, options: CallOptions): Promise<boolean> {
  const end = await endOf(client, record, options);
  if (end === undefined) return true;
  const { generation, index, offset } = end.tail;
  const follows = placesBefore(end.tail);
  const put = (place: Position, previous?: SegmentProof["previous"]) =>
    putFence(client, place, { follows, ...(previous === undefined ? {} : { previous }) }, options);
  // Whoever fenced before us may have begun the index behind it.
  if (end.tail.fence !== undefined)
    return put({ generation, index: index + 1, offset: 0 }, { index, end: 0, s1: 0, s2: 0 });
  if (offset === 0) return put({ generation, index, offset: 0 });
  if (!end.half && !(await put({ generation, index, offset }))) return false;
  const previous = { index, end: offset, s1: end.s1, s2: end.s2 };
  return put({ generation, index: index + 1, offset: 0 }, previous);
}

/** Of one fence behind another, those before the first: what a database notes of its place is noted of one of these. */
function placesBefore({ index, offset, fence: first, before }: ShippedTail): NonNullable<SegmentProof["follows"]> {
  if (first !== undefined) return first.follows;
  if (offset > 0) return [{ index, offset }];
  const earlier =
    before === undefined ? [] : (before.fence?.follows ?? [{ index: before.index, offset: before.offset }]);
  return [{ index, offset: 0 }, ...earlier.slice(0, 2)];
}

interface End {
  readonly tail: ShippedTail;
  readonly s1: number;
  readonly s2: number;
  /** The place itself is fenced, the next index is not: whoever began it has died. */
  readonly half: boolean;
}

async function endOf(client: ReplicaClient, record: GenerationRecord, options: CallOptions): Promise<End | undefined> {
  try {
    const pageSize = await pageSizeOf(client, record, options);
    const tail = await readShippedTail(client, record, pageSize ?? 512, options.signal);
    if (tail.offset === 0) return { tail, s1: 0, s2: 0, half: false };
    const half = record.segments.at(-1)?.offset === tail.offset;
    const proven = half ? await readShippedTail(client, record, pageSize ?? 512, options.signal, -2) : tail;
    const { lastFrame, header } = proven;
    if (lastFrame === undefined) {
      const sum =
        header !== undefined && proven.offset === WAL_HEADER_BYTES ? parseWalHeader(header)?.checksum : undefined;
      return sum === undefined ? undefined : { tail, ...sum, half };
    }
    const view = new DataView(lastFrame.buffer, lastFrame.byteOffset, lastFrame.byteLength);
    if (parseFrameHeader(view, 0).commitPages === 0) return undefined;
    return { tail, s1: view.getUint32(16), s2: view.getUint32(20), half };
  } catch (error) {
    if (error instanceof LitewakeError && error.kind === "damaged") return undefined;
    throw error;
  }
}

/** As the newest index says; undefined: it holds nothing, or no WAL. */
async function pageSizeOf(
  client: ReplicaClient,
  { generation, segments }: GenerationRecord,
  { signal }: CallOptions,
): Promise<number | undefined> {
  const last = segments.at(-1);
  if (last === undefined) return undefined;
  let head: Uint8Array = new Uint8Array(0);
  try {
    for await (const chunk of decompress(await client.get(segmentKey(generation, last.index, 0), { signal }))) {
      head = Buffer.concat([head, chunk]);
      if (head.byteLength >= WAL_HEADER_BYTES) return parseWalHeader(head.subarray(0, WAL_HEADER_BYTES))?.pageSize;
    }
  } catch (error) {
    if (!ReplicaError.is(error, "NotFound") && !(error instanceof Error && error.name === "Lz4Error")) throw error;
  }
  return undefined;
}

async function putFence(
  client: ReplicaClient,
  { generation, index, offset }: Position,
  more: Pick<SegmentProof, "previous" | "follows">,
  { signal }: CallOptions,
): Promise<boolean> {
  const own = { version: 1 as const, generation, index, fence: offset };
  const body = Buffer.concat([encodeProof({ ...own, ...more }), compressAll(new Uint8Array(0))]);
  try {
    await client.put(segmentKey(generation, index, offset), body, { ifAbsent: true, signal });
    return true;
  } catch (error) {
    if (ReplicaError.is(error, "Conflict")) return false;
    throw error;
  }
}

// Segments of a generation in order, fetched ahead and decoded off this thread: what restore and verify read alike.
import type { ReplicaClient } from "../backend/client.ts";
import { decodeSegmentProof } from "../replica/proof.ts";
import type { SegmentRecord, SegmentTable } from "../replica/segment-table.ts";
import type { DecodedObject, ObjectDecoder } from "./object-decoder.ts";
import { prefetch } from "./prefetch.ts";
import type { WalVerifier } from "./wal-verifier.ts";

/** Read ahead over all segments; plain bytes where threads decode them, else bytes as stored. */
const READ_AHEAD_BYTES = 8 << 20;

export interface ReadOptions {
  readonly client: ReplicaClient;
  readonly decoder: ObjectDecoder;
  /** Told of every piece that arrives. Bytes as stored. */
  readonly onBytes: (count: number) => void;
  readonly signal: AbortSignal;
}

export interface SegmentReadOptions extends ReadOptions {
  readonly table: SegmentTable;
  /** Places in the table, `end` exclusive. */
  readonly first: number;
  readonly end: number;
  /** Objects fetched at the same time. */
  readonly parallelism: number;
}

/** One segment on its way. A failure to read it comes out of `read`; the next segment can be read all the same. */
export interface SegmentStream {
  /** Its place in the table. */
  readonly at: number;
  readonly segment: SegmentRecord;
  /** Hands out its plain bytes, each piece valid during the call only. Once. */
  readonly read: (take: (plain: Uint8Array) => void) => Promise<void>;
  /** Valid once `read` gave something or came to its end. */
  readonly skippable: () => readonly Uint8Array[];
}

interface OpenSegment {
  readonly at: number;
  readonly segment: SegmentRecord;
  object: DecodedObject | undefined;
}

/** Each must be read, or left, before the next is asked for. */
export async function* segmentStreams(options: SegmentReadOptions): AsyncGenerator<SegmentStream> {
  const { table, decoder, parallelism, signal } = options;
  const ahead = prefetch<OpenSegment>({
    items: plannedSegments(options),
    open: (item, laneSignal) => {
      const stored = fetched(table.keyAt(item.at), { ...options, signal: laneSignal });
      item.object = decoder.decode(stored, item.segment.size);
      return item.object.ahead;
    },
    parallelism,
    weight: ({ segment }) => segment.size,
    budgetBytes: READ_AHEAD_BYTES,
    signal,
  });
  for await (const { item, chunks } of ahead) {
    const { at, segment, object } = item;
    if (object === undefined) throw new Error(`the segment at ${at} was not opened`);
    yield { at, segment, read: (take) => object.read(chunks, take), skippable: () => object.skippable() };
  }
}

function* plannedSegments({ table, first, end }: SegmentReadOptions): Generator<OpenSegment> {
  for (let at = first; at < end; at++) {
    const segment = table.at(at);
    if (segment !== undefined) yield { at, segment, object: undefined };
  }
}

/** The stored bytes of one object. */
export async function* fetched(key: string, { client, onBytes, signal }: ReadOptions): AsyncGenerator<Uint8Array> {
  for await (const chunk of await client.get(key, { signal })) {
    onBytes(chunk.byteLength);
    yield chunk;
  }
}

/** Hands a segment to the verifier whole; throws what it or the reading throws. */
export async function proveSegment(verifier: WalVerifier, { segment, read, skippable }: SegmentStream): Promise<void> {
  const { index, offset } = segment;
  const begin = () => verifier.begin(index, offset, decodeSegmentProof(skippable()));
  let begun = false;
  await read((plain) => {
    if (!begun) begin();
    begun = true;
    verifier.push(plain);
  });
  if (!begun) begin();
  verifier.endSegment();
}

// Carries out a plan: fetches, decodes, proves and applies it into an output file.
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import { decodeSegmentProof } from "../replica/proof.ts";
import type { Position } from "../replica/position.ts";
import type { SegmentRecord } from "../replica/segment-table.ts";
import { step } from "../steps.ts";
import { type DecodedObject, ObjectDecoder } from "./object-decoder.ts";
import type { OutputFile } from "./output-file.ts";
import type { RestorePlan } from "./plan.ts";
import { prefetch } from "./prefetch.ts";
import type { ProgressMeter } from "./progress.ts";
import { type ProvablePoint, type RefusedPlace, RestoreRefusal } from "./refusal.ts";
import { type CopiedSnapshot, judgeSnapshot } from "./snapshot.ts";
import { WalPages } from "./wal-pages.ts";
import { type WalEnd, WalVerifier } from "./wal-verifier.ts";

/** Plain bytes read ahead over all segments. */
const READ_AHEAD_BYTES = 16 << 20;

export interface MaterializeOptions {
  readonly client: ReplicaClient;
  readonly plan: RestorePlan;
  readonly output: OutputFile;
  readonly parallelism: number;
  readonly progress: ProgressMeter;
  readonly signal: AbortSignal;
}

/** What was made of a plan. */
export interface Materialized {
  /** The state in the output holds everything up to here. */
  readonly position: Position;
  readonly bytesWritten: number;
  /** Of the database in the output. */
  readonly pages: number;
  /** Whether the end of each index but the last is proved. False for what Litestream wrote over several indexes. */
  readonly provenEnds: boolean;
  /** Frames after the last commit, left out. */
  readonly openFrames: number;
}

/** Throws `RestoreRefusal` (damaged), `ReplicaError`, or the disk's error. What is in the output then is of no use. */
export async function materialize(options: MaterializeOptions): Promise<Materialized> {
  const { plan, output, progress, signal } = options;
  await using decoder = new ObjectDecoder(plan.bytes);
  using pages = new WalPages(output);
  const stop = new AbortController();
  const fetching = { ...options, decoder, signal: AbortSignal.any([signal, stop.signal]) };
  const both = [fetchSnapshot(fetching), fetchWal(fetching, pages)] as const;
  // The first failure ends the other half; both have let go of everything before it is passed on.
  for (const half of both) half.catch(() => stop.abort());
  const [snapshot, wal] = await settle(both, signal);

  if (snapshot.pageSize !== undefined && wal.pageSize !== undefined && wal.pageSize !== snapshot.pageSize) {
    throw new RestoreRefusal(
      "damaged",
      `the WAL has pages of ${wal.pageSize} bytes, the snapshot of ${snapshot.pageSize}`,
      { generation: plan.generation, index: plan.snapshot.index },
    );
  }
  progress.enter("write");
  step("restore:fetched");
  const reached = { generation: plan.generation, index: wal.index, offset: wal.offset };
  const stated = snapshot.proof?.position;
  const pageSize = snapshot.pageSize ?? wal.pageSize ?? 1;
  const sizes = (size: number, bytesWritten: number) => ({ pages: size / pageSize, bytesWritten });
  if (stated !== undefined && isBefore(reached, stated)) {
    // The copy is the state at its place, newer than all that the segments would bring back.
    // Where the index has no segment yet, the replica's own end is before its first byte.
    const position = plan.segmentCount === 0 ? reached : { generation: plan.generation, ...stated };
    return { ...sizes(snapshot.bytes, snapshot.bytes), position, provenEnds: true, openFrames: 0 };
  }
  const applied = await pages.apply(snapshot.bytes, signal);
  return {
    ...sizes(applied.sizeBytes, snapshot.bytes + applied.writtenBytes),
    position: reached,
    provenEnds: wal.provenEnds,
    openFrames: wal.openFrames,
  };
}

interface Fetching extends MaterializeOptions {
  readonly decoder: ObjectDecoder;
}

async function fetchSnapshot({ client, plan, output, progress, decoder, signal }: Fetching): Promise<CopiedSnapshot> {
  const { key, size, index } = plan.snapshot;
  const place = { generation: plan.generation, index };
  try {
    const copied = await decoder.copy(fetched(client, key, progress, signal), size, output.descriptor);
    // Most of it stays as it is: on its way to the disk while the WAL is still read.
    output.sync().catch(() => {});
    return judgeSnapshot(copied, place);
  } catch (error) {
    throw unreadable(error, "snapshot", place);
  }
}

interface OpenSegment {
  readonly segment: SegmentRecord;
  readonly key: string;
  object: DecodedObject | undefined;
}

async function fetchWal(fetching: Fetching, pages: WalPages): Promise<WalEnd> {
  const { client, plan, progress, decoder, signal, parallelism } = fetching;
  const verifier = new WalVerifier(plan.generation, plan.snapshot.index, pages);
  const ahead = prefetch<OpenSegment>({
    items: plannedSegments(plan),
    open: (item, laneSignal) => {
      item.object = decoder.decode(fetched(client, item.key, progress, laneSignal), item.segment.size);
      return item.object.chunks;
    },
    parallelism,
    weight: ({ segment }) => segment.size,
    budgetBytes: READ_AHEAD_BYTES,
    signal,
  });
  let proven: SegmentRecord | undefined;
  for await (const { item, chunks } of ahead) {
    const { index, offset } = item.segment;
    try {
      await proveSegment(verifier, item, chunks);
    } catch (error) {
      throw unreadable(
        error,
        "segment",
        { generation: plan.generation, index, offset },
        provableAt(plan, proven, item.segment),
      );
    }
    proven = item.segment;
    progress.segmentDone();
  }
  return verifier.finish();
}

async function proveSegment(
  verifier: WalVerifier,
  item: OpenSegment,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { index, offset } = item.segment;
  const begin = () => verifier.begin(index, offset, decodeSegmentProof(item.object?.skippable() ?? []));
  let begun = false;
  for await (const chunk of chunks) {
    if (!begun) begin();
    begun = true;
    verifier.push(chunk);
  }
  if (!begun) begin();
  verifier.end();
}

function* plannedSegments(plan: RestorePlan): Generator<OpenSegment> {
  const { table, first, end } = plan.segments;
  for (let at = first; at < end; at++) {
    const segment = table.at(at);
    if (segment !== undefined) yield { segment, key: table.keyAt(at), object: undefined };
  }
}

async function* fetched(
  client: ReplicaClient,
  key: string,
  progress: ProgressMeter,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of await client.get(key, { signal })) {
    progress.fetched(chunk.byteLength);
    yield chunk;
  }
}

async function settle<A, B>([a, b]: readonly [Promise<A>, Promise<B>], signal: AbortSignal): Promise<[A, B]> {
  const results = await Promise.allSettled([a, b]);
  signal.throwIfAborted();
  const [left, right] = results;
  if (left.status === "fulfilled" && right.status === "fulfilled") return [left.value, right.value];
  const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  // One of the two may only say that the other's failure ended it.
  throw reasons.find((reason) => !isAbort(reason)) ?? reasons[0];
}

function isAbort(error: unknown): boolean {
  return ReplicaError.is(error, "Aborted") || (error instanceof Error && error.name === "AbortError");
}

/** What went wrong while an object was read, with its place. Failures of network and disk are passed on. */
function unreadable(
  error: unknown,
  kind: "snapshot" | "segment",
  place: RefusedPlace,
  provable?: ProvablePoint,
): unknown {
  const options = { provable, cause: error };
  if (error instanceof RestoreRefusal) {
    return error.provable !== undefined || provable === undefined
      ? error
      : new RestoreRefusal("damaged", error.what, error.place, options);
  }
  if (error instanceof LitewakeError && error.kind === "damaged") {
    return new RestoreRefusal("damaged", `the ${kind} cannot be read, ${error.message}`, place, options);
  }
  if (error instanceof Error && error.name === "Lz4Error") {
    return new RestoreRefusal("damaged", `the ${kind} cannot be read, ${error.message}`, place, options);
  }
  if (ReplicaError.is(error, "NotFound")) {
    return new RestoreRefusal("damaged", `the ${kind} was listed but is not there`, place, options);
  }
  return error;
}

// Everything up to the segment before is proved; by a moment before the bad one, or by its index, a restore stops there.
function provableAt(
  plan: RestorePlan,
  proven: SegmentRecord | undefined,
  bad: SegmentRecord,
): ProvablePoint | undefined {
  if (proven === undefined) return undefined;
  return {
    generation: plan.generation,
    index: proven.index,
    offset: proven.offset,
    moment: proven.modifiedAt,
    wholeIndex: bad.index > proven.index,
  };
}

function isBefore(
  a: { readonly index: number; readonly offset: number },
  b: { readonly index: number; readonly offset: number },
): boolean {
  return a.index < b.index || (a.index === b.index && a.offset < b.offset);
}

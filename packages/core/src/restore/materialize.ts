// Carries out a plan: fetches, decodes, proves and applies it into an output file.
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import type { Position } from "../replica/position.ts";
import type { SegmentRecord } from "../replica/segment-table.ts";
import { step } from "../steps.ts";
import { ObjectDecoder } from "./object-decoder.ts";
import type { OutputFile } from "./output-file.ts";
import type { RestorePlan } from "./plan.ts";
import type { ProgressMeter } from "./progress.ts";
import { type ProvablePoint, RestoreRefusal } from "./refusal.ts";
import { fetched, proveSegment, type ReadOptions, segmentStreams } from "./segment-streams.ts";
import { type CopiedSnapshot, judgeSnapshot } from "./snapshot.ts";
import { unreadable } from "./unreadable.ts";
import { WalPages } from "./wal-pages.ts";
import { type WalEnd, WalVerifier } from "./wal-verifier.ts";

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
  const fetching = {
    ...options,
    decoder,
    onBytes: (count: number) => progress.fetched(count),
    signal: AbortSignal.any([signal, stop.signal]),
  };
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

type Fetching = MaterializeOptions & ReadOptions;

async function fetchSnapshot(fetching: Fetching): Promise<CopiedSnapshot> {
  const { plan, output, decoder } = fetching;
  const { key, size, index } = plan.snapshot;
  const place = { generation: plan.generation, index };
  try {
    const copied = await decoder.copy(fetched(key, fetching), size, output.descriptor);
    // Most of it stays as it is: on its way to the disk while the WAL is still read.
    output.sync().catch(() => {});
    return judgeSnapshot(copied, place);
  } catch (error) {
    throw unreadable(error, "snapshot", place);
  }
}

async function fetchWal(fetching: Fetching, pages: WalPages): Promise<WalEnd> {
  const { plan, progress } = fetching;
  const verifier = new WalVerifier(plan.generation, plan.snapshot.index, pages);
  let proven: SegmentRecord | undefined;
  for await (const stream of segmentStreams({ ...fetching, ...plan.segments })) {
    const { index, offset } = stream.segment;
    try {
      await proveSegment(verifier, stream);
    } catch (error) {
      const place = { generation: plan.generation, index, offset };
      throw unreadable(error, "segment", place, provableAt(plan, proven, stream.segment));
    }
    proven = stream.segment;
    progress.segmentDone();
  }
  return verifier.finish();
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

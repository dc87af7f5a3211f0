// Carries out a plan: fetches, decodes, proves and applies it into an output file.
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import type { SnapshotProof } from "../replica/proof.ts";
import { comparePlaces, type Position } from "../replica/position.ts";
import { step } from "../steps.ts";
import { ObjectDecoder } from "./object-decoder.ts";
import type { OutputFile } from "./output-file.ts";
import { breaksOffInOwnIndex, type RestorePlan } from "./plan.ts";
import type { ProgressMeter } from "./progress.ts";
import { proveEnd } from "./proven-end.ts";
import { RestoreRefusal } from "./refusal.ts";
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
  /** The state in the output holds everything up to here; a restore to this place gives the same state. */
  readonly position: Position;
  readonly bytesWritten: number;
  /** Of the database in the output. */
  readonly pages: number;
  /** Whether the end of each index but the newest is proved. False for what Litestream wrote over several indexes. */
  readonly provenEnds: boolean;
  /** The first index that does not prove where the one before it ended, among those that were applied. */
  readonly unprovenFrom: number | undefined;
  /** Frames after the last commit, left out. */
  readonly openFrames: number;
}

/** Throws `RestoreRefusal` (damaged), `ReplicaError`, or the disk's error. What is in the output then is of no use. */
export async function materialize(options: MaterializeOptions): Promise<Materialized> {
  const { client, plan, output, progress, signal } = options;
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
      { fault: { kind: "wal", generation: plan.generation, index: plan.snapshot.index, offset: 0 } },
    );
  }
  if (snapshot.proof === undefined && breaksOffInOwnIndex(plan)) throw unknownAge(plan);
  if (wal.isCutOff && plan.stop === "end") throw cutOff(plan, wal);
  progress.enter("write");
  step("restore:fetched");
  const reached = { generation: plan.generation, index: wal.index, offset: wal.offset };
  const pageSize = snapshot.pageSize ?? wal.pageSize ?? 1;
  const sizes = (size: number, bytesWritten: number) => ({ pages: size / pageSize, bytesWritten });
  const stated = statedPlace(plan, snapshot, wal);
  if (stated !== undefined && comparePlaces(reached, stated) < 0) {
    const isEndProven = await proveEnd(client, plan, { ...stated, checksum: undefined }, signal);
    // The copy is the state at its place, newer than all that the segments would bring back.
    // Where the index has no segment yet, the replica's own end is before its first byte.
    const position = plan.segmentCount === 0 ? reached : { generation: plan.generation, ...stated };
    const ends = { provenEnds: isEndProven, unprovenFrom: undefined, openFrames: 0 };
    return { ...sizes(snapshot.bytes, snapshot.bytes), position, ...ends };
  }
  const isEndProven = await proveEnd(client, plan, wal.tail, signal);
  const applied = await pages.apply(snapshot.bytes, signal).catch((error: unknown) => {
    throw unreadable(error, "segment", reached, { kind: "wal", ...reached });
  });
  return {
    ...sizes(applied.sizeBytes, snapshot.bytes + applied.writtenBytes),
    position: { generation: plan.generation, ...wal.exact },
    provenEnds: wal.unprovenFrom === undefined && isEndProven,
    unprovenFrom: wal.unprovenFrom,
    openFrames: wal.openFrames,
  };
}

/**
 * Up to where the copy has pages; nothing where that was in a WAL before the index's own. That can only be of the first
 * index: before any other snapshot, its index was shipped up to its place.
 */
function statedPlace(plan: RestorePlan, { proof }: CopiedSnapshot, { firstSalts }: WalEnd): Place | undefined {
  const isOther = (salt: number, at: number): boolean => firstSalts !== undefined && firstSalts[at] !== salt;
  if (proof?.salts?.some(isOther) !== true) return proof?.position;
  const { index } = plan.snapshot;
  if (index === 0) return undefined;
  const place = { generation: plan.generation, index, offset: 0 };
  const what = "the index holds another WAL than the one over which its snapshot was taken";
  throw new RestoreRefusal("damaged", what, place, { fault: { kind: "wal", ...place } });
}

type Place = SnapshotProof["position"];
type Fetching = MaterializeOptions & ReadOptions;

async function fetchSnapshot(fetching: Fetching): Promise<CopiedSnapshot> {
  const { plan, output, decoder } = fetching;
  const { key, size, index } = plan.snapshot;
  const place = { generation: plan.generation, index };
  try {
    const { descriptor, folder } = output;
    const copied = await decoder.copy(fetched(key, fetching), size, { descriptor, folder });
    // Most of it stays as it is: on its way to the disk while the WAL is still read.
    output.sync().catch(() => {});
    return judgeSnapshot(copied, place);
  } catch (error) {
    throw unreadable(error, "snapshot", place, { kind: "snapshot", ...place });
  }
}

async function fetchWal(fetching: Fetching, pages: WalPages): Promise<WalEnd> {
  const { plan, progress } = fetching;
  const verifier = new WalVerifier(plan.generation, plan.snapshot.index, pages);
  for await (const stream of segmentStreams({ ...fetching, ...plan.segments })) {
    try {
      await proveSegment(verifier, stream);
    } catch (error) {
      const { index, offset } = stream.segment;
      const place = { generation: plan.generation, index, offset };
      throw unreadable(error, "segment", place, { kind: "wal", ...place });
    }
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

function unknownAge({ generation, snapshot: { index } }: RestorePlan): RestoreRefusal {
  const what = "the snapshot does not state up to where it reaches, and the WAL that would tell is not whole";
  return new RestoreRefusal("damaged", what, { generation, index }, { fault: { kind: "snapshot", generation, index } });
}

function cutOff({ generation }: RestorePlan, { tail: { index, offset } }: WalEnd): RestoreRefusal {
  const place = { generation, index, offset };
  const what = "missing tail of the WAL: its last segment ends inside a transaction, as none of Litewake's does";
  return new RestoreRefusal("damaged", what, place, { fault: { kind: "wal", ...place } });
}

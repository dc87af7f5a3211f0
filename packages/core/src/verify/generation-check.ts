// Reads one generation whole: every snapshot, and every segment from the first snapshot on, each once.
import { eachInParallel } from "../backend/parallel.ts";
import type { GenerationRecord, SnapshotRecord } from "../replica/catalog.ts";
import { snapshotKey } from "../replica/layout.ts";
import type { Pin } from "../replica/retention-plan.ts";
import type { ProgressMeter } from "../restore/progress.ts";
import { RestoreRefusal } from "../restore/refusal.ts";
import { fetched, type ReadOptions, segmentStreams } from "../restore/segment-streams.ts";
import { type CopiedSnapshot, judgeSnapshot } from "../restore/snapshot.ts";
import { unreadable } from "../restore/unreadable.ts";
import { Findings, type RawFinding } from "./finding.ts";
import { GenerationProof, type JudgedSnapshot, SegmentEnds } from "./generation-proof.ts";
import { SegmentCheck } from "./segment-check.ts";

/** Large, and each decoded by one thread. */
const SNAPSHOTS_AT_ONCE = 2;

export interface GenerationCheckOptions extends ReadOptions {
  readonly parallelism: number;
  readonly progress: ProgressMeter;
  /** Indexes that retention keeps however old: behind each there may be a gap. */
  readonly pins: readonly Pin[];
}

/** What one generation turned out to be. */
export interface CheckedGeneration {
  readonly proof: GenerationProof;
  readonly findings: Findings<RawFinding>;
  /** Segments that were read: those before the first snapshot are of no use to a restore. */
  readonly segments: number;
  /** Whether the end of every index but the last is stated by the one after it. Litestream states none. */
  readonly provenEnds: boolean;
}

/** Throws failures of the store only. */
export async function checkGeneration(
  record: GenerationRecord,
  options: GenerationCheckOptions,
): Promise<CheckedGeneration> {
  const findings = new Findings<RawFinding>();
  const ends = new SegmentEnds(record.segments.length);
  const [first] = record.snapshots;
  if (first === undefined) {
    findings.add(headless(record));
    const proof = new GenerationProof(record, { snapshots: [], ends, breaks: [] });
    return { proof, findings, segments: 0, provenEnds: true };
  }
  const stop = new AbortController();
  const reading = { ...options, signal: AbortSignal.any([options.signal, stop.signal]) };
  const both = [
    checkSnapshots(record, reading, findings),
    checkSegments(record, first.index, ends, reading, findings),
  ] as const;
  for (const half of both) half.catch(() => stop.abort());
  const settled = await Promise.allSettled(both);
  options.signal.throwIfAborted();
  const failed = settled.filter((half) => half.status === "rejected").map(({ reason }): unknown => reason);
  if (failed.length > 0) throw failed.find((reason) => !isAbort(reason)) ?? failed[0];
  const [copies, wal] = [await both[0], await both[1]];

  const snapshots = record.snapshots.map((snapshot) => {
    const copied = copies.get(snapshot.index);
    const misfit = copied === undefined ? undefined : misfitOf(copied, wal.pageSizes.get(snapshot.index));
    if (misfit !== undefined) findings.add(ofSnapshot(record, snapshot, misfit));
    const judged: JudgedSnapshot = {
      record: snapshot,
      sound: copied !== undefined && misfit === undefined,
      stated: copied?.proof?.position,
    };
    return judged;
  });
  const proof = new GenerationProof(record, { snapshots, ends, breaks: wal.check.breaks });
  return { proof, findings, segments: wal.segments, provenEnds: wal.check.provenEnds };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || ("code" in error && error.code === "Aborted"));
}

function headless({ segments }: GenerationRecord): RawFinding {
  return {
    kind: "damage",
    index: segments.indexAt(0),
    what: "there are WAL segments but no snapshot to apply them to",
    means: "nothing of this generation can be restored",
  };
}

function ofSnapshot({ generation }: GenerationRecord, { index }: SnapshotRecord, what: string): RawFinding {
  return { kind: "damage", index, key: snapshotKey(generation, index), what, snapshot: index };
}

function misfitOf({ pageSize }: CopiedSnapshot, walPageSize: number | undefined): string | undefined {
  if (pageSize === undefined || walPageSize === undefined || pageSize === walPageSize) return undefined;
  return `the WAL has pages of ${walPageSize} bytes, the snapshot of ${pageSize}`;
}

async function checkSnapshots(
  record: GenerationRecord,
  options: GenerationCheckOptions,
  findings: Findings<RawFinding>,
): Promise<Map<number, CopiedSnapshot>> {
  const sound = new Map<number, CopiedSnapshot>();
  const { generation } = record;
  await eachInParallel(record.snapshots, Math.min(SNAPSHOTS_AT_ONCE, options.parallelism), async (snapshot) => {
    const { index, size } = snapshot;
    const place = { generation, index };
    try {
      const stored = fetched(snapshotKey(generation, index), options);
      sound.set(index, judgeSnapshot(await options.decoder.copy(stored, size, "nowhere"), place));
    } catch (error) {
      const refusal = unreadable(error, "snapshot", place);
      if (!(refusal instanceof RestoreRefusal)) throw refusal;
      findings.add(ofSnapshot(record, snapshot, refusal.what));
    }
  });
  return sound;
}

async function checkSegments(
  record: GenerationRecord,
  from: number,
  ends: SegmentEnds,
  options: GenerationCheckOptions,
  findings: Findings<RawFinding>,
) {
  const { generation, segments: table } = record;
  const bases = new Set(record.snapshots.map(({ index }) => index));
  const pinned = new Set(options.pins.filter((pin) => pin.generation === generation).map(({ index }) => index + 1));
  const pageSizes = new Map<number, number>();
  const check = new SegmentCheck(generation, from, table, (finding) => {
    const isGap = finding.offset === 0 && finding.segment !== undefined && pinned.has(finding.index);
    const isBase = isGap && bases.has(table.indexAt(finding.segment));
    findings.add(isBase ? { ...finding, kind: "note", means: BEHIND_A_PIN } : finding);
  });
  const first = table.firstFrom(from);
  let at = -1;
  for await (const stream of segmentStreams({ ...options, table, first, end: table.length })) {
    ({ at } = stream);
    const end = await check.take(stream);
    const { index } = stream.segment;
    if (end !== undefined) ends.set(at, end);
    if (end !== undefined && check.pageSize !== undefined && bases.has(index)) pageSizes.set(index, check.pageSize);
    options.progress.segmentDone();
  }
  const open = check.finish();
  if (open > 0) {
    const { index, offset } = { index: table.indexAt(at), offset: ends.committed(at) };
    const what = `the last transaction has no commit (${open} frames)`;
    findings.add({ kind: "note", index, offset, what, segment: at, means: "a restore leaves it out" });
  }
  return { check, pageSizes, segments: table.length - first };
}

const BEHIND_A_PIN = "retention keeps nothing between a pinned point and its window";

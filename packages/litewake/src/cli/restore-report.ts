// What `litewake restore` says: the plan, the progress, the summary.
import { formatPosition, type RestorePlan, type RestoreProgress, type RestoreResult } from "@litewake/core";
import { formatBytes, shortTime } from "./table.ts";

export interface PlanReport {
  readonly text: string;
  readonly json: object;
}

/** The objects, bytes and moment of a plan. */
export function describePlan({ replica, plan }: { readonly replica: string; readonly plan: RestorePlan }): PlanReport {
  const objects = 1 + plan.segmentCount;
  const json = {
    replica,
    generation: plan.generation,
    snapshotIndex: plan.snapshot.index,
    segments: plan.segmentCount,
    objects,
    bytes: plan.bytes,
    moment: plan.moment,
  };
  const text = [
    `replica     ${replica}`,
    `generation  ${plan.generation}`,
    `snapshot    index ${plan.snapshot.index}`,
    `segments    ${plan.segmentCount}`,
    `to fetch    ${objects} objects, ${formatBytes(plan.bytes)}`,
    `reaches     ${shortTime(plan.moment)}`,
  ].join("\n");
  return { text: `${text}\n`, json };
}

export function progressLine(progress: RestoreProgress, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? (progress.bytesDone / elapsedMs) * 1000 : 0;
  const left = rate > 0 ? (progress.bytesTotal - progress.bytesDone) / rate : 0;
  const parts = [
    progress.phase,
    `${formatBytes(progress.bytesDone)} of ${formatBytes(progress.bytesTotal)}`,
    `${progress.segmentsDone} of ${progress.segmentsTotal} segments`,
    `${formatBytes(Math.round(rate))}/s`,
    `${Math.ceil(left)} s left`,
  ];
  return parts.join("  ");
}

export function summaryLine(output: string, result: RestoreResult): string {
  const fetched = `${result.segments} segments, ${formatBytes(result.bytesFetched)} fetched, ${formatBytes(result.bytesWritten)} written`;
  const proof = result.provenEnds ? "" : "; the ends of its indexes could not be proved, so it was checked in full";
  return `restored ${output} from ${result.replica} up to ${formatPosition(result.position)} (${shortTime(result.moment)}): ${fetched}, ${(result.elapsedMs / 1000).toFixed(2)} s${proof}`;
}

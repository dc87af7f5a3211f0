// What `litewake restore` says: the plan, the progress, the summary.
import {
  type BestEffort,
  type ChosenPlan,
  formatPlace,
  formatPosition,
  type RestoreProgress,
  type RestoreResult,
} from "@litewake/core";
import { formatBytes, formatSeconds, shortTime } from "./table.ts";

export interface PlanReport {
  readonly text: string;
  readonly json: object;
}

/** The objects, bytes and moment of a plan. */
export function describePlan({ replica, plan }: ChosenPlan): PlanReport {
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

/** What the line of progress needs to know. */
export interface ShownProgress extends Pick<
  RestoreProgress,
  "bytesDone" | "bytesTotal" | "segmentsDone" | "segmentsTotal"
> {
  readonly phase: string;
}

const PHASES: ReadonlyMap<string, string> = new Map([
  ["fetch", "fetching"],
  ["apply", "writing"],
  ["write", "writing"],
  ["check", "checking"],
  ["finish", "finishing"],
]);

/** Bytes, segments, rate and time left, as one line. */
export function progressLine(progress: ShownProgress, elapsedMs: number): string {
  const { phase, bytesDone, bytesTotal, segmentsDone, segmentsTotal } = progress;
  const rate = elapsedMs > 0 ? (bytesDone / elapsedMs) * 1000 : 0;
  const parts = [
    PHASES.get(phase) ?? phase,
    `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`,
    `${segmentsDone} of ${segmentsTotal} segments`,
    `${formatBytes(Math.round(rate))}/s`,
  ];
  // Afterwards nothing is left to fetch, and how long that takes is not known.
  if (phase === "fetch" && rate > 0) parts.push(`${formatSeconds(Math.ceil((bytesTotal - bytesDone) / rate))} left`);
  return parts.join("  ");
}

/** The line that stands when the restore is done. */
export function summaryLine(output: string, result: RestoreResult): string {
  const fetched = `${result.segments} segments, ${formatBytes(result.bytesFetched)} fetched, ${formatBytes(result.bytesWritten)} written`;
  const proof = result.provenEnds ? "" : "; the ends of its indexes could not be proved, so it was checked in full";
  return `restored ${output} from ${result.replica} up to ${formatPosition(result.position)} (${shortTime(result.moment)}): ${fetched}, ${(result.elapsedMs / 1000).toFixed(2)} s${proof}`;
}

/** What the damage cost: several lines, so that nobody takes the result for the newest state. */
export function bestEffortReport(output: string, result: RestoreResult, bestEffort: BestEffort): string {
  const { complete, damage, newest, leftOut } = bestEffort;
  const lines = damage.map(
    ({ what, place }) => `  damaged   ${what}${place === undefined ? "" : `: ${formatPlace(place)}`}`,
  );
  if (complete) {
    return [`litewake: the replica is damaged; ${output} is the state asked for all the same`, ...lines].join("\n");
  }
  const behind = formatSeconds(Math.ceil((newest.moment.getTime() - result.moment.getTime()) / 1000));
  const span = leftOut.first === leftOut.last ? leftOut.first : `${leftOut.first} to ${leftOut.last}`;
  return [
    `litewake: BEST EFFORT: ${output} is NOT the state asked for; what was committed later is not in it`,
    ...lines,
    `  reached   ${formatPosition(result.position)}, ${result.moment.toISOString()}`,
    `  newest    ${formatPosition(newest)}, ${newest.moment.toISOString()} (${behind} later)`,
    leftOut.objects === 0 ? "  left out  no object that is there" : `  left out  ${leftOut.objects} objects: ${span}`,
  ].join("\n");
}

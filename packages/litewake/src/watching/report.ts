// What a running Litewake tells of itself: one report, from which the table, the JSON and the metrics are made.
import type { DatabaseStatus, ReplicaStatus } from "@litewake/core";
import type { OperationMetrics } from "@litewake/core/backend";

/** What runs, as far as it can be watched. */
export interface Watched {
  readonly status: readonly DatabaseStatus[];
  /** Calls to the stores, by type of replica. */
  readonly operations: ReadonlyMap<string, OperationMetrics>;
}

/** The report as JSON has it. Part of the contract: `version` counts its forms (docs/compatibility.md). */
export interface Report {
  readonly version: 1;
  readonly pid: number;
  readonly startedAt: string;
  readonly healthy: boolean;
  /** Why not, one line each. */
  readonly problems: readonly string[];
  readonly databases: readonly DatabaseStatus[];
}

const startedAt = new Date();

/** `staleMs`: a replica that has been behind for longer is a problem. */
export function reportOf({ status }: Watched, staleMs: number): Report {
  const problems = status.flatMap((database) => problemsOf(database, staleMs));
  return {
    version: 1,
    pid: process.pid,
    startedAt: startedAt.toISOString(),
    healthy: problems.length === 0,
    problems,
    databases: status,
  };
}

function problemsOf({ path, state, error, replicas }: DatabaseStatus, staleMs: number): string[] {
  if (state === "failed") return [`${path} is not followed any more`];
  if (error !== undefined) return [`${path} cannot be worked on at the moment (${error})`];
  return replicas.flatMap((replica) =>
    [problemOf(replica, staleMs), drillProblemOf(replica)].flatMap((problem) =>
      problem === undefined ? [] : [`${path}: ${problem}`],
    ),
  );
}

function problemOf({ url, state, lagMs, error }: ReplicaStatus, staleMs: number): string | undefined {
  if (state === "failed") return `${url} is not written to any more (${error ?? "unknown"})`;
  if (lagMs <= staleMs) return undefined;
  return `${url} is ${Math.round(lagMs / 1000)} s behind${error === undefined ? "" : ` (${error})`}`;
}

/** One that could not be made is tried again; after so many intervals without a proof somebody should know. */
const INTERVALS_WITHOUT_PROOF = 3;

function drillProblemOf({ url, drill }: ReplicaStatus): string | undefined {
  if (drill === undefined) return undefined;
  const { outcome, reason, proved, intervalMs } = drill;
  if (outcome === "failed")
    return `${url} did not bring the database back when that was tried (${reason ?? "unknown"})`;
  const since = proved?.moment ?? startedAt.toISOString();
  if (
    outcome === null ||
    Date.now() - Math.max(Date.parse(since), startedAt.getTime()) <= INTERVALS_WITHOUT_PROOF * intervalMs
  )
    return undefined;
  return `${url} was not proved restorable since ${since}${reason === null ? "" : ` (${reason})`}`;
}

// Restores a database from a replica: plan, fetch, prove, write each page once, check, and only then give it its name.
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import { type Logger, silent } from "../logger.ts";
import { comparePlaces, formatPosition, type Position } from "../replica/position.ts";
import { checkIntegrity, type IntegrityCheck } from "./check.ts";
import { materialize } from "./materialize.ts";
import { checkOutput, OutputFile, outputError } from "./output-file.ts";
import type { RestorePlan } from "./plan.ts";
import { ProgressMeter, type RestoreProgress } from "./progress.ts";
import { RestoreRefusal } from "./refusal.ts";
import {
  allFailed,
  type Candidate,
  isForNext,
  planCandidate,
  rankSources,
  type ReplicaSource,
  sourceError,
  type SourceFailure,
} from "./source-choice.ts";
import { checkTarget, type RestoreTarget } from "./target.ts";
import { step } from "../steps.ts";

export type { ReplicaSource };

/** Objects are small, and a request waits mostly. */
const PARALLELISM = 48;

export interface RestoreRequest {
  /** Asked all at once; the one with the newest fitting state is restored, the others are there if it fails. */
  readonly replicas: readonly ReplicaSource[];
  /** Must not exist, nor SQLite's files beside it. Missing folders are made. */
  readonly output: string;
  readonly target?: RestoreTarget;
  /** Objects fetched at the same time; default 48: at 20 ms a request, some 2,000 objects a second. */
  readonly parallelism?: number | undefined;
  /** Default `quick`; raised to `full` where the ends of the indexes could not be proved. `none` is left as it is. */
  readonly integrityCheck?: IntegrityCheck;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
  readonly logger?: Logger;
  /** Permission bits of the output, subject to the umask; default 0600. */
  readonly mode?: number;
}

export interface RestoreResult {
  /** The replica's name. */
  readonly replica: string;
  readonly replicaUrl: string;
  /** Where the restored state ends. */
  readonly position: Position;
  readonly snapshotIndex: number;
  readonly segments: number;
  /** Of the restored database. */
  readonly pages: number;
  /** As stored. */
  readonly bytesFetched: number;
  readonly bytesWritten: number;
  readonly elapsedMs: number;
  /** The store's date of the newest object used. */
  readonly moment: Date;
  /** Whether the end of every index but the last was proved. Litestream's own replicas do not hold that proof. */
  readonly provenEnds: boolean;
  /** The check that was made. */
  readonly integrityCheck: IntegrityCheck;
}

/** What would be restored, and from which replica. */
export interface ChosenPlan {
  readonly replica: string;
  readonly plan: RestorePlan;
}

/** The plan of a restore; fetches a listing of each replica and nothing else. */
export async function planRestore(
  request: Pick<RestoreRequest, "replicas" | "target" | "signal" | "logger">,
): Promise<ChosenPlan> {
  return eachCandidate(request, async (candidate) => ({
    replica: candidate.source.name,
    plan: planCandidate(candidate, request.target ?? {}),
  }));
}

/**
 * Restores, or leaves nothing behind. Throws a `LitewakeError`: `refused` when the output is there, `no-backup`,
 * `unreachable` or `damaged` (a `RestoreRefusal` names the place) as the replicas are, `database` for the disk, `usage`,
 * `aborted`. Memory is bounded whatever the size; the disk needs room for the output and for the WAL that is applied.
 */
export async function restore(request: RestoreRequest): Promise<RestoreResult> {
  await checkOutput(request.output);
  return eachCandidate(request, (candidate) => restoreFrom(candidate, request));
}

async function restoreFrom(candidate: Candidate, request: RestoreRequest): Promise<RestoreResult> {
  const { source } = candidate;
  const { logger = silent, signal = new AbortController().signal } = request;
  const startedMs = performance.now();
  const plan = planCandidate(candidate, request.target ?? {});
  const progress = new ProgressMeter(plan.bytes, plan.segmentCount, request.onProgress);
  step("restore:planned");
  await using output = await OutputFile.create(request.output, request.mode ?? 0o600);
  step("restore:created");
  try {
    progress.enter("fetch");
    const parallelism = Math.max(1, request.parallelism ?? PARALLELISM);
    const made = await materialize({ client: source.client, plan, output, parallelism, progress, signal });
    step("restore:applied");
    requireReached(request.target, made.position);
    if (made.openFrames > 0) {
      logger("warn", "the last transaction in the replica has no commit and was left out", { frames: made.openFrames });
    }
    const check = checkFor(request.integrityCheck ?? "quick", made.provenEnds);
    progress.enter("check");
    // While SQLite looks at the file, its bytes go to the disk.
    const synced = output.sync();
    synced.catch(() => {});
    await checkIntegrity({ file: output.temporary, check, position: made.position, logger, signal });
    step("restore:checked");
    await synced;
    step("restore:synced");
    signal.throwIfAborted();
    await output.publish();
    step("restore:published");
    return {
      replica: source.name,
      replicaUrl: source.client.url,
      position: made.position,
      snapshotIndex: plan.snapshot.index,
      segments: plan.segmentCount,
      pages: made.pages,
      bytesFetched: progress.bytes,
      bytesWritten: made.bytesWritten,
      elapsedMs: Math.round(performance.now() - startedMs),
      moment: plan.moment,
      provenEnds: made.provenEnds,
      integrityCheck: check,
    };
  } catch (error) {
    throw outputError(error, request.output);
  }
}

/** An exact place is reached exactly, or something between the snapshot and it is gone. */
function requireReached({ place }: RestoreTarget = {}, reached: Position): void {
  if (place === undefined || comparePlaces(place, reached) === 0) return;
  const { generation, index, offset } = place;
  throw new RestoreRefusal("damaged", `the WAL ends at ${formatPosition(reached)}, not at the place asked for`, {
    generation,
    index,
    offset,
  });
}

// Bytes cannot show that the tail of an index is missing where the next one does not say so: then SQLite looks closely.
function checkFor(asked: IntegrityCheck, provenEnds: boolean): IntegrityCheck {
  return asked === "quick" && !provenEnds ? "full" : asked;
}

/** Tries the replicas from the newest fitting state on, and says which one could not serve. */
async function eachCandidate<T>(
  { replicas, target = {}, logger = silent, signal }: Pick<RestoreRequest, "replicas" | "target" | "logger" | "signal">,
  attempt: (candidate: Candidate) => Promise<T>,
): Promise<T> {
  checkTarget(target);
  try {
    const { candidates, failures } = await rankSources(replicas, target, { signal, logger });
    const failed: SourceFailure[] = [];
    const note = (failure: SourceFailure): void => {
      failed.push(failure);
      const { source, error } = failure;
      if (replicas.length > 1)
        logger("warn", "restoring from this replica failed", { replica: source.name, error: error.message });
    };
    for (const failure of failures) note(failure);
    for (const candidate of candidates) {
      try {
        return await attempt(candidate);
      } catch (thrown) {
        if (signal?.aborted === true) throw thrown;
        const error = ReplicaError.is(thrown) ? sourceError(thrown, candidate.source) : thrown;
        if (!(error instanceof LitewakeError) || !isForNext(error)) throw error;
        note({ source: candidate.source, error });
      }
    }
    throw allFailed(failed);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw new LitewakeError("aborted", "the restore was cancelled", { cause: error });
  }
}

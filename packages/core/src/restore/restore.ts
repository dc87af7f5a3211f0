// Restores a database from a replica: plan, fetch, prove, write each page once, check, and only then give it its name.
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import { type Logger, silent } from "../logger.ts";
import { comparePlaces, formatPosition, type Position } from "../replica/position.ts";
import { type BestEffort, restoreTheRest } from "./best-effort.ts";
import { checkIntegrity, type IntegrityCheck } from "./check.ts";
import { materialize } from "./materialize.ts";
import { checkOutput, type FileStamp, OutputFile, outputError } from "./output-file.ts";
import { planGeneration, type RestorePlan } from "./plan.ts";
import { ProgressMeter, type RestoreProgress } from "./progress.ts";
import { type Fault, RestoreRefusal } from "./refusal.ts";
import { namingTheRest } from "./rest.ts";
import {
  allFailed,
  type Candidate,
  isForNext,
  type ListedSource,
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
  /** Told before anything is fetched or written; what it throws ends the restore. */
  readonly onPlan?: (plan: RestorePlan) => void | Promise<void>;
  /** The output will be thrown away: nothing is made to last a power loss. Default false. */
  readonly scratch?: boolean;
  /**
   * Where every replica is damaged, go back to the newest point that can be proved, and say in `bestEffort` what that costs.
   * Not together with an exact place. Default false.
   */
  readonly bestEffort?: boolean;
}

export interface RestoreResult {
  /** Of the output, before it had its name: while it is unchanged nobody has written into the file. */
  readonly stamp: FileStamp;
  /** The replica's name. */
  readonly replica: string;
  readonly replicaUrl: string;
  /** Where the restored state ends; a restore with this as its `place` gives the same state. */
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
  /** Whether the end of every index but the newest was proved. Litestream's own replicas do not hold that proof. */
  readonly provenEnds: boolean;
  /** The check that was made. */
  readonly integrityCheck: IntegrityCheck;
  /** Set where the replica is damaged and the restore was asked to do what it can. */
  readonly bestEffort?: BestEffort;
}

/** What would be restored, and from which replica. */
export interface ChosenPlan {
  readonly replica: string;
  readonly plan: RestorePlan;
}

/** The plan of a restore; fetches a listing of each replica and, where one is damaged, the heads of some objects. */
export async function planRestore(
  request: Pick<RestoreRequest, "replicas" | "target" | "signal" | "logger" | "bestEffort">,
): Promise<ChosenPlan> {
  const target = request.target ?? {};
  return withBestEffort(
    request,
    (candidate) => ({ replica: candidate.source.name, plan: planGeneration(candidate.record, target) }),
    async ({ source }, plan) => ({ replica: source.name, plan }),
  );
}

/**
 * Restores, or leaves nothing behind. Throws a `LitewakeError`: `refused` when the output is there, `no-backup`,
 * `unreachable` or `damaged` (a `RestoreRefusal` names the place) as the replicas are, `database` for the disk, `usage`,
 * `aborted`. Memory is bounded whatever the size; the disk needs room for the output and for the WAL that is applied.
 */
export async function restore(request: RestoreRequest): Promise<RestoreResult> {
  await checkOutput(request.output);
  const target = request.target ?? {};
  return withBestEffort<RestoreResult>(
    request,
    (candidate) => carryOut(candidate.source, planGeneration(candidate.record, target), request),
    async ({ source }, plan, bestEffort) => ({ ...(await carryOut(source, plan, request)), bestEffort: bestEffort() }),
  );
}

async function carryOut(source: ReplicaSource, plan: RestorePlan, request: RestoreRequest): Promise<RestoreResult> {
  const { logger = silent, signal = new AbortController().signal } = request;
  const startedMs = performance.now();
  const progress = new ProgressMeter(plan.bytes, plan.segmentCount, request.onProgress);
  step("restore:planned");
  await request.onPlan?.(plan);
  const how = { mode: request.mode ?? 0o600, scratch: request.scratch ?? false };
  await using output = await OutputFile.create(request.output, how);
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
    const { position } = made;
    const fault = blamed(plan, made.unprovenFrom);
    await checkIntegrity({ file: output.temporary, check, position, fault, logger, signal });
    step("restore:checked");
    await synced;
    step("restore:synced");
    signal.throwIfAborted();
    const stamp = await output.publish();
    step("restore:published");
    return {
      stamp,
      replica: source.name,
      replicaUrl: source.client.url,
      position,
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

/** What SQLite's finding speaks against: an end that nothing proves, or else the snapshot, whose pages nothing proves. */
function blamed({ generation, snapshot }: RestorePlan, unprovenFrom: number | undefined): Fault {
  if (unprovenFrom === undefined) return { kind: "snapshot", generation, index: snapshot.index };
  return { kind: "wal", generation, index: unprovenFrom, offset: 0 };
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

type Asked = Pick<RestoreRequest, "replicas" | "target" | "logger" | "signal" | "bestEffort">;

/** Tries the replicas from the newest fitting state on; where all are damaged, and that is wanted, what they can still give. */
async function withBestEffort<T>(
  request: Asked,
  attempt: (candidate: Candidate) => T | Promise<T>,
  rest: (from: ListedSource, plan: RestorePlan, bestEffort: () => BestEffort) => Promise<T>,
): Promise<T> {
  const { target = {}, signal } = request;
  checkTarget(target);
  if (request.bestEffort === true && target.place !== undefined) {
    throw new LitewakeError("usage", "an exact place is reached exactly or not at all", {
      next: "leave -best-effort out",
    });
  }
  try {
    const tried = await eachCandidate(request, attempt);
    if ("done" in tried) return tried.done;
    const error = allFailed(tried.failed);
    if (request.bestEffort !== true || error.kind !== "damaged") throw error;
    return await restoreTheRest({ request, refused: error, failed: tried.failed, attempt: rest });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw new LitewakeError("aborted", "the restore was cancelled", { cause: error });
  }
}

/** Says of each replica that could not serve why. */
async function eachCandidate<T>(
  { replicas, target = {}, logger = silent, signal }: Asked,
  attempt: (candidate: Candidate) => T | Promise<T>,
): Promise<{ readonly done: T } | { readonly failed: readonly SourceFailure[] }> {
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
      return { done: await namingTheRest(candidate, target, signal, () => attempt(candidate)) };
    } catch (thrown) {
      if (signal?.aborted === true) throw thrown;
      const error = ReplicaError.is(thrown) ? sourceError(thrown, candidate.source) : thrown;
      if (!(error instanceof LitewakeError) || !isForNext(error)) throw error;
      note({ source: candidate.source, error });
    }
  }
  return { failed };
}

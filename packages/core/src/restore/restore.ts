// Restores a database from a replica: plan, fetch, prove, write each page once, check, and only then give it its name.
import fs from "node:fs";
import path from "node:path";
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import { type Logger, silent } from "../logger.ts";
import { readCatalog } from "../replica/catalog.ts";
import type { Position } from "../replica/position.ts";
import { buildOutput, type BuiltOutput } from "./build.ts";
import { checkIntegrity, type IntegrityCheck } from "./check.ts";
import { choosePlan, type RestorePlan } from "./plan.ts";
import type { RestoreProgress } from "./progress.ts";
import { checkTarget, type RestoreTarget } from "./target.ts";

export interface ReplicaSource {
  readonly name: string;
  readonly client: ReplicaClient;
}

export interface RestoreRequest {
  /** Asked all at once; the one with the newest fitting state is restored, the others are there if it fails. */
  readonly replicas: readonly ReplicaSource[];
  /** Must not exist. */
  readonly output: string;
  readonly target?: RestoreTarget;
  /** Objects fetched at the same time; default 8. */
  readonly parallelism?: number;
  /** Default `quick`; raised to `full` where the ends of the indexes could not be proved. */
  readonly integrityCheck?: IntegrityCheck;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
  readonly logger?: Logger;
  /** Permission bits of the output; default 0600. */
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
  readonly pages: number;
  /** As stored. */
  readonly bytesFetched: number;
  readonly bytesWritten: number;
  readonly elapsedMs: number;
  /** The store's date of the newest object used. */
  readonly moment: Date;
  /** Whether the end of every index but the last was proved. Litestream's own replicas do not hold that proof. */
  readonly provenEnds: boolean;
  readonly integrityCheck: IntegrityCheck;
}

/** What would be restored, and from which replica. */
export interface ChosenPlan {
  readonly replica: string;
  readonly plan: RestorePlan;
}

interface Candidate extends ChosenPlan {
  readonly source: ReplicaSource;
}

interface Failure {
  readonly source: ReplicaSource;
  readonly error: unknown;
}

/** The plan of a restore; fetches a listing of each replica and nothing else. */
export async function planRestore(request: Pick<RestoreRequest, "replicas" | "target" | "signal">): Promise<ChosenPlan> {
  const { candidates, failures } = await survey(request);
  const [best] = candidates;
  if (best === undefined) throw together(failures);
  return { replica: best.replica, plan: best.plan };
}

/**
 * Restores. Throws kind `refused` when the output is there, `no-backup`, `unreachable` or `damaged` as the replicas are;
 * whatever happens, the output is whole or absent.
 */
export async function restore(request: RestoreRequest): Promise<RestoreResult> {
  const logger = request.logger ?? silent;
  refuseExisting(request.output);
  const { candidates, failures } = await survey(request);
  for (const candidate of candidates) {
    try {
      return await restoreFrom(candidate, request);
    } catch (error) {
      if (request.signal?.aborted === true) throw new LitewakeError("aborted", "the restore was cancelled", { cause: error });
      const failure = kindOf(error);
      if (failure !== "damaged" && failure !== "unreachable") throw error;
      failures.push({ source: candidate.source, error });
      logger("warn", "restoring from this replica failed", { replica: candidate.replica, error: messageOf(error) });
    }
  }
  throw together(failures);
}

async function survey({
  replicas,
  target = {},
  signal,
}: Pick<RestoreRequest, "replicas" | "target" | "signal">): Promise<{ candidates: Candidate[]; failures: Failure[] }> {
  checkTarget(target);
  const failures: Failure[] = [];
  const found = await Promise.all(
    replicas.map(async (source): Promise<Candidate | undefined> => {
      try {
        const catalog = await readCatalog(source.client, { signal });
        if (catalog.ltx) {
          throw new LitewakeError("usage", `${source.client.url} holds Litestream 0.5 LTX files, which Litewake does not read`, {
            next: "restore it with litestream 0.5",
          });
        }
        return { replica: source.name, source, plan: choosePlan(catalog, target) };
      } catch (error) {
        failures.push({ source, error });
        return undefined;
      }
    }),
  );
  const candidates = found.filter((candidate) => candidate !== undefined);
  // The newest state wins; of equal ones the first of the configuration (the sort is stable).
  candidates.sort((a, b) => b.plan.moment.getTime() - a.plan.moment.getTime());
  return { candidates, failures };
}

async function restoreFrom(candidate: Candidate, request: RestoreRequest): Promise<RestoreResult> {
  const started = performance.now();
  const { plan, source } = candidate;
  const folder = path.dirname(path.resolve(request.output));
  fs.mkdirSync(folder, { recursive: true });
  const random = Math.random().toString(36).slice(2, 8);
  const temporary = `${request.output}.litewake-${process.pid}-${random}.tmp`;
  try {
    const built = await buildOutput(source.client, plan, temporary, request);
    const check = await proveContent(temporary, built, request);
    request.signal?.throwIfAborted();
    // Refuses a file that came meanwhile: rename() would replace it.
    refuseExisting(request.output);
    fs.renameSync(temporary, request.output);
    syncFolder(folder);
    return {
      replica: candidate.replica,
      replicaUrl: source.client.url,
      position: built.position,
      snapshotIndex: plan.snapshot.index,
      segments: plan.segmentCount,
      pages: built.pages,
      bytesFetched: plan.bytes,
      bytesWritten: built.bytesWritten,
      elapsedMs: Math.round(performance.now() - started),
      moment: plan.moment,
      provenEnds: built.provenEnds,
      integrityCheck: check,
    };
  } catch (error) {
    throw outputError(error, request.output);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

async function proveContent(file: string, built: BuiltOutput, request: RestoreRequest): Promise<IntegrityCheck> {
  const asked = request.integrityCheck ?? "quick";
  const check = asked === "quick" && !built.provenEnds ? "full" : asked;
  request.onProgress?.({ ...built.progress, phase: "check" });
  await checkIntegrity(file, check, built.position, request.logger ?? silent);
  return check;
}

function refuseExisting(output: string): void {
  if (fs.existsSync(output)) {
    throw new LitewakeError("refused", `${output} exists already`, { next: "restore to another path, or move it away first" });
  }
  const stale = ["-wal", "-shm", "-journal"].map((suffix) => `${output}${suffix}`).find((file) => fs.existsSync(file));
  if (stale !== undefined) {
    throw new LitewakeError("refused", `${stale} is left from another database and would be taken for this one's`, {
      next: "move it away first",
    });
  }
}

function syncFolder(folder: string): void {
  const descriptor = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(descriptor);
  } catch {
    // Some network file systems cannot sync a folder; the file itself is synced.
  } finally {
    fs.closeSync(descriptor);
  }
}

function outputError(error: unknown, output: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || "operation" in error || error instanceof LitewakeError) return error;
  const text: Record<string, string> = { ENOSPC: "there is no room for it", EACCES: "permission denied", EROFS: "the file system is read-only" };
  const why = text[String(error.code)];
  return why === undefined ? error : new LitewakeError("database", `${output} cannot be written: ${why}`, { cause: error });
}

function kindOf(error: unknown): string | undefined {
  if (error instanceof LitewakeError) return error.kind;
  if (ReplicaError.is(error)) return error.code === "NotFound" ? "damaged" : "unreachable";
  return undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One error for all that failed: damage outweighs silence, and "no backup" is said only when every replica answered. */
function together(failures: readonly Failure[]): unknown {
  const rank = ["usage", "refused", "damaged", "unreachable", "no-backup"];
  const worst = [...failures].sort((a, b) => rank.indexOf(kindOf(a.error) ?? "") - rank.indexOf(kindOf(b.error) ?? ""))[0];
  if (worst === undefined) return new LitewakeError("usage", "there is no replica to restore from");
  const kind = kindOf(worst.error);
  if (failures.length === 1 || kind === undefined) return asLitewake(worst);
  const all = failures.map(({ source, error }) => `${source.name}: ${messageOf(error)}`).join("; ");
  return new LitewakeError((asLitewake(worst) as LitewakeError).kind, `no replica could be restored: ${all}`, { cause: worst.error });
}

function asLitewake({ source, error }: Failure): unknown {
  if (!ReplicaError.is(error)) return error;
  if (error.code === "InvalidConfig") return error;
  const kind = error.code === "NotFound" ? "damaged" : "unreachable";
  return new LitewakeError(kind, `${source.client.url}: ${error.message}`, { cause: error });
}

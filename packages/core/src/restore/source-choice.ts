// Which replica a restore reads: the one whose fitting state is newest, then the others in that order.
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { type FailureKind, LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { type Catalog, type GenerationRecord, holdsLtx, readCatalog } from "../replica/catalog.ts";
import { chooseGeneration, fittingGenerations, type RestoreTarget } from "./target.ts";
import { newestHistory } from "../replica/newest-history.ts";
import { namingTheRest } from "./rest.ts";

/** A replica to restore from. The client is best wrapped with `retrying`, which also mends broken bodies. */
export interface ReplicaSource {
  /** For messages and results. */
  readonly name: string;
  readonly client: ReplicaClient;
}

/** A replica and what it holds. */
export interface ListedSource {
  readonly source: ReplicaSource;
  readonly catalog: Catalog;
}

/** A replica that has a generation for the target. */
export interface Candidate extends ListedSource {
  readonly record: GenerationRecord;
}

/** A replica that is of no use here, and why. */
export interface SourceFailure {
  readonly source: ReplicaSource;
  readonly error: LitewakeError;
}

export interface RankedSources {
  /** Newest fitting generation first; equal ones in the order given. */
  readonly candidates: readonly Candidate[];
  readonly failures: readonly SourceFailure[];
}

/** Lists all replicas at the same time. Throws only when the signal fires. */
export async function rankSources(
  sources: readonly ReplicaSource[],
  target: RestoreTarget,
  { signal, logger }: { readonly signal: AbortSignal | undefined; readonly logger: Logger },
): Promise<RankedSources> {
  const found = await Promise.all(
    sources.map(async (source): Promise<Candidate | SourceFailure> => {
      try {
        const catalog = await readCatalog(source.client, { signal });
        const fitting = await namingTheRest({ source, catalog }, target, signal, () =>
          fittingGenerations(catalog, target),
        );
        const record = (await newestHistory(source.client, fitting, signal)) ?? chooseGeneration(catalog, target);
        await warnOfLtx(source, { signal, logger });
        return { source, catalog, record };
      } catch (error) {
        return { source, error: sourceError(error, source) };
      }
    }),
  );
  signal?.throwIfAborted();
  const candidates = found.filter((one) => "record" in one);
  // A stable sort: ties keep the order of the configuration.
  candidates.sort((a, b) => b.record.updatedAt.getTime() - a.record.updatedAt.getTime());
  return { candidates, failures: found.filter((one) => "error" in one) };
}

// Both formats may share a root (formats.md C4); then what we restore may be the older of the two.
async function warnOfLtx(
  { name, client }: ReplicaSource,
  { signal, logger }: { readonly signal: AbortSignal | undefined; readonly logger: Logger },
): Promise<void> {
  if (!(await holdsLtx(client, { signal }))) return;
  logger("warn", "the replica also holds Litestream 0.5 LTX files, which may be newer and are not read", {
    replica: name,
  });
}

/** Anything that a replica failed with, as an error for a person. Errors of the local disk are not for this. */
export function sourceError(error: unknown, { client }: ReplicaSource): LitewakeError {
  if (error instanceof LitewakeError) return error;
  if (ReplicaError.is(error)) {
    const kind = error.code === "InvalidConfig" ? "usage" : "unreachable";
    return new LitewakeError(kind, `${client.url}: ${error.message}`, { cause: error });
  }
  return new LitewakeError("internal", error instanceof Error ? error.message : String(error), { cause: error });
}

/** Whether another replica may do better. */
export function isForNext({ kind }: LitewakeError): boolean {
  return kind === "damaged" || kind === "unreachable" || kind === "usage";
}

// "There is no backup" is said only if every replica was reached and says so: an application may go on without one.
const gravity: readonly FailureKind[] = ["internal", "damaged", "unreachable", "usage", "no-backup"];

/** One error for all replicas that failed; a single one's own error keeps its place and hint. */
export function allFailed(failures: readonly SourceFailure[]): LitewakeError {
  const [first, second] = failures;
  if (first === undefined) return new LitewakeError("usage", "there is no replica to restore from");
  if (second === undefined) return named(first);
  const rank = ({ error }: SourceFailure): number => gravity.indexOf(error.kind);
  const [gravest = first] = failures.toSorted((a, b) => rank(a) - rank(b));
  const all = failures.map(({ source, error }) => `${source.name}: ${error.message}`).join("; ");
  return new LitewakeError(gravest.error.kind, `no replica could be restored: ${all}`, { cause: gravest.error });
}

/** The error with its replica's place, where it does not say that by itself. */
export function named({ source, error }: SourceFailure): LitewakeError {
  if (error.name === "RestoreRefusal" || error.message.includes(source.client.url)) return error;
  return new LitewakeError(error.kind, `${source.client.url}: ${error.message}`, { cause: error });
}

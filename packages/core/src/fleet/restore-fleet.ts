// Restores the databases of a fleet together: those that are missing, in parallel, all or nothing.
import fs from "node:fs";
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { eachInParallel } from "../backend/parallel.ts";
import { prefixed } from "../backend/prefix.ts";
import { LitewakeError } from "../errors.ts";
import { type Logger, silent } from "../logger.ts";
import { NewerForm } from "../replica/own-object.ts";
import type { IntegrityCheck } from "../restore/check.ts";
import { checkOutput } from "../restore/output-file.ts";
import type { RestoreProgress } from "../restore/progress.ts";
import { restore, type RestoreResult } from "../restore/restore.ts";
import { sourceError } from "../restore/source-choice.ts";
import { isSameSharding, type Manifest, manifestOf, readManifest, refuseOther, type Sharding } from "./manifest.ts";
import type { FleetMember } from "./members.ts";
import { findPoint, type PointTarget, type RestorePoint } from "./points.ts";
import { Staging, stagedName } from "./staging.ts";

export interface FleetRestoreRequest {
  /** The fleet's root; best wrapped with `retrying`. */
  readonly client: ReplicaClient;
  readonly members: readonly FleetMember[];
  /** Refused if the replica has another one. Undefined: a fleet without shards. */
  readonly sharding?: Sharding | undefined;
  /** A restore point by name or time; undefined: the newest state of each database. */
  readonly target?: PointTarget | undefined;
  /** Databases restored at the same time; default 8. */
  readonly atOnce?: number | undefined;
  /** Objects of one database fetched at the same time; by default 64 are, over all. */
  readonly parallelism?: number | undefined;
  readonly integrityCheck?: IntegrityCheck | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly logger?: Logger | undefined;
  readonly onProgress?: ((name: string, progress: RestoreProgress) => void) | undefined;
  /** A database has been restored whole; it gets its name when all are. */
  readonly onRestored?: ((name: string, result: RestoreResult) => void) | undefined;
}

export interface FleetRestoreResult {
  readonly restored: readonly { readonly name: string; readonly path: string; readonly result: RestoreResult }[];
  /** Names of databases whose files were there. */
  readonly skipped: readonly string[];
  /** Names of databases of which the replica holds nothing: the application begins them. */
  readonly fresh: readonly string[];
  /** The point restored to, where one was asked for. */
  readonly point: RestorePoint | undefined;
}

const AT_ONCE = 8;
const CALLS_AT_ONCE = 64;

/**
 * Restores, or leaves nothing behind. Kinds of failure as of `restore`, each line with the database's name; `refused` also
 * where a point is asked for and a database is there already, or the replica is of another sharding.
 */
export async function restoreFleet(request: FleetRestoreRequest): Promise<FleetRestoreResult> {
  try {
    return await restoreAll(request);
  } catch (error) {
    if (!ReplicaError.is(error)) throw error;
    throw sourceError(error, { name: "fleet", client: request.client });
  }
}

async function restoreAll(request: FleetRestoreRequest): Promise<FleetRestoreResult> {
  const { client, members, target, signal, logger = silent } = request;
  const staging = new Staging(members.map(({ path }) => path));
  const recovered = await staging.recover();
  if (recovered > 0)
    logger("warn", "an earlier restore was whole but had been interrupted; it is in place now", {
      databases: recovered,
    });
  const point = target === undefined ? undefined : await findPoint(client, target, { signal });
  await refuseSharding(request, point, logger);
  const there = members.filter(({ path }) => fs.existsSync(path));
  const [first] = there;
  if (point !== undefined && first !== undefined) {
    throw new LitewakeError("refused", `${first.path} exists already`, {
      next: "all databases go back to a point together; move them away first",
    });
  }
  const missing = members.filter((member) => !there.includes(member));
  if (point !== undefined) refuseUnknown(point, members, client.url);
  for (const { path } of missing) await checkOutput(path);
  const fresh: string[] = [];
  const done: { name: string; path: string; result: RestoreResult }[] = [];
  const failed = new AbortController();
  const signals = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  try {
    const atOnce = Math.min(missing.length, request.atOnce ?? AT_ONCE);
    const parallelism = request.parallelism ?? Math.ceil(CALLS_AT_ONCE / Math.max(1, atOnce));
    await eachInParallel(missing, atOnce, async (member) => {
      if (failed.signal.aborted) return;
      try {
        const result = await restoreMember(member, point, { ...request, parallelism }, signals);
        if (result === undefined) fresh.push(member.name);
        else {
          done.push({ ...member, result });
          request.onRestored?.(member.name, result);
        }
      } catch (error) {
        const first = !failed.signal.aborted;
        failed.abort();
        // The others fail only because this one did.
        if (first) throw error;
      }
    });
    await refuseLost(fresh, point, request);
    await staging.commit(
      done.map(({ path, result: { replicaUrl, position, stamp } }) => ({ output: path, replicaUrl, position, stamp })),
    );
  } catch (error) {
    await staging.discard();
    throw error;
  }
  return { restored: done, skipped: there.map(({ name }) => name), fresh, point };
}

/** What a newer program wrote beside the data does not keep the data from being restored. */
async function refuseSharding(
  { client, sharding, signal }: FleetRestoreRequest,
  point: RestorePoint | undefined,
  logger: Logger,
): Promise<void> {
  if (sharding === undefined) return;
  try {
    if (point !== undefined)
      return refuseOtherEpoch(point, sharding, await manifestOf(client, point.epoch, { signal }));
    const manifest = await readManifest(client, { signal });
    if (manifest !== undefined) refuseOther(manifest, sharding, client.url);
  } catch (error) {
    if (!(error instanceof NewerForm)) throw error;
    logger("warn", "the manifest is ignored", { reason: error.message });
  }
}

/** A point is restored in the sharding of its own time, whatever came after it. */
function refuseOtherEpoch({ name, takenAt }: RestorePoint, wanted: Sharding, found: Manifest | undefined): void {
  if (found === undefined || isSameSharding(found, wanted)) return;
  const { shards, hashBits } = found;
  throw new LitewakeError(
    "refused",
    `the point ${name ?? takenAt.toISOString()} was taken with shard_count ${shards.length} and hash fnv1a-${hashBits}; the configuration has ${wanted.shards.length} and fnv1a-${wanted.hashBits}`,
    { next: "restore it with a configuration of that time" },
  );
}

async function restoreMember(
  { name, path }: FleetMember,
  point: RestorePoint | undefined,
  request: FleetRestoreRequest,
  signal: AbortSignal,
): Promise<RestoreResult | undefined> {
  const place = point?.places.get(name);
  // It was not there yet at that moment.
  if (point !== undefined && place === undefined) return undefined;
  const { parallelism, integrityCheck, onProgress, logger = silent } = request;
  try {
    return await restore({
      replicas: [{ name, client: prefixed(request.client, name) }],
      output: stagedName(path),
      signal,
      logger: (level, message, fields) => logger(level, message, { database: name, ...fields }),
      ...(place === undefined ? {} : { target: { place } }),
      ...(parallelism === undefined ? {} : { parallelism }),
      ...(integrityCheck === undefined ? {} : { integrityCheck }),
      ...(onProgress === undefined ? {} : { onProgress: (progress) => onProgress(name, progress) }),
    });
  } catch (error) {
    if (!(error instanceof LitewakeError)) throw error;
    if (error.kind === "no-backup" && place === undefined) return undefined;
    const kind = error.kind === "no-backup" ? "damaged" : error.kind;
    throw new LitewakeError(kind, `${name}: ${error.message}`, { cause: error });
  }
}

/** A database that a point knows was shipped once: if nothing of it is there, it was lost, and must not begin anew. */
async function refuseLost(
  fresh: readonly string[],
  point: RestorePoint | undefined,
  { client, signal }: FleetRestoreRequest,
): Promise<void> {
  if (fresh.length === 0 || point !== undefined) return;
  const newest = await findPoint(client, {}, { signal }).catch((error: unknown) => {
    if (error instanceof LitewakeError && error.kind !== "unreachable") return undefined;
    throw error;
  });
  const lost = fresh.find((name) => newest?.places.has(name));
  if (lost === undefined) return;
  throw new LitewakeError(
    "damaged",
    `${client.url}/${lost} holds no backup any more, though a restore point says that it did`,
    {
      next: "bring its objects back, or set up another replica",
    },
  );
}

/** A point holds databases that the configuration does not know: then something would be left behind without a word. */
function refuseUnknown(point: RestorePoint, members: readonly FleetMember[], url: string): void {
  const unknown = [...point.places.keys()].find((name) => !members.some((member) => member.name === name));
  if (unknown === undefined) return;
  throw new LitewakeError("refused", `the point holds ${unknown}, which the configuration does not have`, {
    next: `restore with the configuration of that time; each database can be restored by its own URL too, such as ${url}/${unknown}`,
  });
}

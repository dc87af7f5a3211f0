// Proves the replica of a whole fleet: each database, and what is one for all: manifest, lease, restore points, pins.
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { eachInParallel } from "../backend/parallel.ts";
import { prefixed } from "../backend/prefix.ts";
import { LitewakeError } from "../errors.ts";
import type { Generation } from "../replica/position.ts";
import type { Pin } from "../replica/retention-plan.ts";
import { sourceError } from "../restore/source-choice.ts";
import { type Finding, Findings } from "../verify/finding.ts";
import type { GenerationProof } from "../verify/generation-proof.ts";
import { type VerifyProgress, type VerifyReport, verifyWithProofs } from "../verify/verify.ts";
import type { LeaseHolder } from "./lease-object.ts";
import type { Manifest } from "./manifest.ts";
import { listPoints, type RestorePoint } from "./points.ts";
import { checkLease, checkManifests, checkPins, checkPoints, type PointsProof } from "./verify-own.ts";

export interface FleetVerifyRequest {
  /** The fleet's root; best wrapped with `retrying`. */
  readonly client: ReplicaClient;
  /** Folders of the databases, as far as they are known; those that the manifests and points name are looked for as well. */
  readonly names: readonly string[];
  /** Points older than this are about to go, and what they name may be gone already; 0: none goes. Milliseconds. */
  readonly retentionMs: number;
  /** Objects fetched at the same time, over all databases; default 64. */
  readonly parallelism?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((name: string, progress: VerifyProgress) => void) | undefined;
}

export interface FleetVerifyReport {
  readonly url: string;
  readonly sound: boolean;
  /** In the order of their names; `report` null: the replica holds nothing of it. */
  readonly databases: readonly { readonly name: string; readonly report: VerifyReport | null }[];
  readonly points: PointsProof;
  /** The newest; null: there is none. */
  readonly manifest: Manifest | null;
  /** Null: there is none. */
  readonly lease: LeaseHolder | null;
  /** About what is one for all; those of a database are in its report. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  readonly objects: number;
  /** As stored, of the databases. */
  readonly bytes: number;
  readonly elapsedMs: number;
}

const DATABASES_AT_ONCE = 4;
const CALLS_AT_ONCE = 64;

/** As `verify`, for a fleet: damage is reported; thrown are `no-backup` (of any database), `unreachable` and `aborted`. */
export async function verifyFleet(request: FleetVerifyRequest): Promise<FleetVerifyReport> {
  try {
    return await verifyAll(request);
  } catch (error) {
    if (request.signal?.aborted === true)
      throw new LitewakeError("aborted", "the verification was cancelled", { cause: error });
    throw ReplicaError.is(error) ? sourceError(error, { name: "fleet", client: request.client }) : error;
  }
}

async function verifyAll(request: FleetVerifyRequest): Promise<FleetVerifyReport> {
  const { client, signal } = request;
  const startedMs = performance.now();
  const findings = new Findings<Finding>();
  // Listed before the databases are: whatever a point names was durable when it was published.
  const listed = await listPoints(client, { signal });
  const manifests = await checkManifests(client, findings, { signal });
  const lease = await checkLease(client, findings, { signal });
  const pins = await checkPins(client, findings, { signal });
  const names = new Set(request.names);
  for (const { shards, dlq } of manifests) for (const name of [...shards, dlq ?? ""]) if (name !== "") names.add(name);
  for (const pin of pins) for (const name of pin.places.keys()) names.add(name);

  const proofs = new Map<string, ReadonlyMap<Generation, GenerationProof>>();
  const reports = new Map<string, VerifyReport | null>();
  await verifyEach([...names], pins, request, (name, verified) => {
    reports.set(name, verified?.report ?? null);
    proofs.set(name, verified?.proofs ?? new Map());
  });
  const databases = [...reports].map(([name, report]) => ({ name, report })).toSorted(byName);
  if (databases.every(({ report }) => report === null) && listed.length === 0)
    throw new LitewakeError("no-backup", `${client.url} holds no backup of any database`, {
      next: "check replica_url",
    });
  const points = await checkPoints(client, {
    listed,
    pins,
    proofs,
    retentionMs: request.retentionMs,
    findings,
    signal,
  });
  return {
    url: client.url,
    sound: findings.damaged === 0 && databases.every(({ report }) => report?.sound !== false),
    databases,
    points,
    manifest: manifests.at(-1) ?? null,
    lease: lease ?? null,
    findings: findings.listed,
    findingCount: findings.count,
    objects: databases.reduce((sum, { report }) => sum + (report?.objects ?? 0), 0),
    bytes: databases.reduce((sum, { report }) => sum + (report?.bytes ?? 0), 0),
    elapsedMs: Math.round(performance.now() - startedMs),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name.localeCompare(b.name, "en", { numeric: true });
}

type Verified = Awaited<ReturnType<typeof verifyWithProofs>>;

async function verifyEach(
  names: readonly string[],
  pinned: readonly RestorePoint[],
  { client, parallelism = CALLS_AT_ONCE, signal, onProgress }: FleetVerifyRequest,
  done: (name: string, verified: Verified | undefined) => void,
): Promise<void> {
  const atOnce = Math.max(1, Math.min(names.length, DATABASES_AT_ONCE));
  await eachInParallel(names, atOnce, async (name) => {
    const pins = pinned.flatMap((point): Pin[] => {
      const place = point.places.get(name);
      return place === undefined ? [] : [place];
    });
    try {
      const replica = { name, client: prefixed(client, name) };
      const share = Math.max(1, Math.ceil(parallelism / atOnce));
      const progress = onProgress === undefined ? {} : { onProgress: (one: VerifyProgress) => onProgress(name, one) };
      done(name, await verifyWithProofs({ replica, parallelism: share, pins, signal, lookForLtx: false, ...progress }));
    } catch (error) {
      if (!(error instanceof LitewakeError) || error.kind !== "no-backup") throw error;
      done(name, undefined);
    }
  });
}

// Spreads the rows of a fleet over another number of shards, offline: what a restore point holds becomes the databases of a
// new epoch. The old epoch stays restorable by a pinned point.
//
// The order is what makes it safe to be killed at any moment: the point is pinned; the new epoch's manifest says that it is
// being made, so that nothing else starts; every database is shipped as a new generation; the manifest says that all are
// there; the files get their names.
import fs from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { ReplicaClient } from "../../backend/client.ts";
import { ConcurrencyLimit, limited } from "../../backend/limit.ts";
import { eachInParallel } from "../../backend/parallel.ts";
import { prefixed } from "../../backend/prefix.ts";
import { type FailureKind, LitewakeError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { fence } from "../../shipping/fence.ts";
import { Replication } from "../../shipping/replication.ts";
import { stampOf } from "../../shipping/restored-state.ts";
import {
  createManifest,
  endResharding,
  isSameSharding,
  type Manifest,
  manifestOf,
  readManifest,
  refuseOtherDlq,
  type Sharding,
} from "../manifest.ts";
import type { FleetMember } from "../members.ts";
import { findPoint, pinPlaces, type PointTarget, publishPoint, type RestorePoint } from "../points.ts";
import { type FleetRestoreResult, restoreFleet } from "../restore-fleet.ts";
import { Staging, stagedName } from "../staging.ts";
import type { SpreadTable } from "./redistribute.ts";
import type { Redistribution } from "./table-plan.ts";

export interface ReshardRequest {
  /** The fleet's root; writes nothing without the lease where there is one. */
  readonly client: ReplicaClient;
  readonly to: Sharding;
  /** The file of a database, by its name in the replica. */
  readonly fileOf: (name: string) => string;
  readonly keys: Redistribution["keys"];
  readonly everywhere: Redistribution["everywhere"];
  /** A folder of ours, on the file system of the databases; removed at the end, and at the start if it is there. */
  readonly scratch: string;
  /** Undefined: the newest state of each database. */
  readonly target?: PointTarget | undefined;
  /** Spread and prove, and change nothing. */
  readonly dryRun?: boolean | undefined;
  /** A request of the lease's last owner may still be under way. */
  readonly contested?: boolean | undefined;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
}

export interface ReshardResult {
  readonly from: Manifest;
  readonly to: Manifest;
  /** The pinned point that holds the state before; `null` after a dry run. */
  readonly point: string | null;
  readonly tables: readonly SpreadTable[];
}

const CALLS_AT_ONCE = 32;
const FENCES_AT_ONCE = 8;
const HOUR_MS = 3_600_000;

/**
 * Reshards, or changes nothing. Undefined: the replica is sharded like this already. Throws as `restoreFleet` and
 * `redistribute`; `refused` where a database is there already.
 */
export async function reshard(request: ReshardRequest): Promise<ReshardResult | undefined> {
  const { client, to, scratch, signal } = request;
  const newest = await readManifest(client, { signal });
  if (newest === undefined) {
    throw new LitewakeError("no-backup", `${client.url} has no manifest, so nothing was shipped to it by a fleet`, {
      next: "check replica_url",
    });
  }
  if (newest.resharding === undefined && isSameSharding(newest, to)) return undefined;
  const origin = await originOf(newest, request);
  refuseOtherDlq(origin.manifest, to, client.url);
  refuseFiles([...namesOf(origin.manifest), ...namesOf(to)], request);
  await rm(scratch, { recursive: true, force: true });
  if (request.contested === true) {
    const names = [...new Set([...namesOf(newest), ...namesOf(origin.manifest)])];
    await eachInParallel(names, FENCES_AT_ONCE, (name) => fence(prefixed(client, name), { signal }));
  }
  try {
    const members = namesOf(origin.manifest).map((name) => ({ name, path: path.join(scratch, "from", `${name}.db`) }));
    const restored = await restoreOrigin(members, origin.target, request);
    const made = namesOf(to).map((name) => ({ name, path: path.join(scratch, "to", `${name}.db`) }));
    const tables = await spread(origin.manifest, members, made, request);
    const manifest = { epoch: newest.epoch + 1, shards: to.shards, hashBits: to.hashBits, dlq: to.dlq };
    if (request.dryRun === true) return { from: origin.manifest, to: manifest, point: null, tables };
    const databases = made.filter((member) => fs.existsSync(member.path));
    const { epoch } = origin.manifest;
    const point = origin.pinned ?? (await pinOrigin(restored, { epoch, next: manifest.epoch }, request));
    const pending = { ...manifest, resharding: { fromEpoch: epoch, point } };
    if (!(await createManifest(client, pending, { signal }))) {
      throw new LitewakeError("refused", `${client.url} is being resharded by somebody else`, {
        next: "try again later",
      });
    }
    await ship(databases, manifest, request);
    return { from: origin.manifest, to: manifest, point, tables };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Origin {
  readonly manifest: Manifest;
  readonly target: PointTarget | undefined;
  /** Name of the point that an earlier try has pinned. */
  readonly pinned: string | undefined;
}

/** What the rows are taken from: of a try that did not end, what that one took them from. */
async function originOf(newest: Manifest, { client, target, signal, logger }: ReshardRequest): Promise<Origin> {
  const { resharding } = newest;
  if (resharding !== undefined && target === undefined) {
    logger("info", "an earlier try did not end; it begins again from the same state", { point: resharding.point });
    const manifest = await epochOf(client, resharding.fromEpoch, signal);
    return { manifest, target: { name: resharding.point }, pinned: resharding.point };
  }
  if (target === undefined) return { manifest: newest, target, pinned: undefined };
  const point = await findPoint(client, target, { signal });
  return { manifest: await epochOf(client, point.epoch, signal), target, pinned: undefined };
}

async function epochOf(client: ReplicaClient, epoch: number, signal: AbortSignal | undefined): Promise<Manifest> {
  const manifest = await manifestOf(client, epoch, { signal });
  if (manifest !== undefined) return manifest;
  throw new LitewakeError("damaged", `${client.url} has no manifest of epoch ${epoch} any more`, {
    next: "choose another point",
  });
}

function namesOf({ shards, dlq }: Sharding): string[] {
  return [...shards, ...(dlq === null ? [] : [dlq])];
}

function refuseFiles(names: readonly string[], { fileOf }: ReshardRequest): void {
  const there = names.map(fileOf).find((file) => fs.existsSync(file));
  if (there === undefined) return;
  throw new LitewakeError("refused", `${there} exists already`, {
    next: "stop the application, see that everything is shipped, and move its databases away: rows are taken from the replica",
  });
}

async function restoreOrigin(
  members: readonly FleetMember[],
  target: PointTarget | undefined,
  { client, signal, logger }: ReshardRequest,
): Promise<FleetRestoreResult> {
  const result = await restoreFleet({ client, members, target, signal, logger });
  if (result.restored.length > 0) return result;
  throw new LitewakeError("no-backup", `${client.url} holds no backup of any database`, { next: "check replica_url" });
}

/** Makes the new shards, and brings the queue along as it is. */
async function spread(
  { shards, hashBits, dlq }: Manifest,
  members: readonly FleetMember[],
  made: readonly FleetMember[],
  { to, keys, everywhere, signal, logger }: ReshardRequest,
): Promise<SpreadTable[]> {
  const [first] = made;
  if (first !== undefined) await mkdir(path.dirname(first.path), { recursive: true, mode: 0o700 });
  const from = members.filter(({ name }) => shards.includes(name));
  logger("info", "spreading rows", { from: shards.length, to: to.shards.length });
  const tables = await inThread(
    {
      from: from.map((file) => (fs.existsSync(file.path) ? file : undefined)),
      fromBits: hashBits,
      to: made.filter(({ name }) => to.shards.includes(name)),
      toBits: to.hashBits,
      keys,
      everywhere,
    },
    signal,
  );
  const queue = members.find(({ name }) => name === dlq);
  const place = made.find(({ name }) => name === to.dlq);
  if (queue !== undefined && place !== undefined && fs.existsSync(queue.path)) await rename(queue.path, place.path);
  return tables;
}

type Answer = { readonly tables: SpreadTable[] } | { readonly kind: FailureKind; readonly message: string };

async function inThread(request: Redistribution, signal: AbortSignal | undefined): Promise<SpreadTable[]> {
  const program = import.meta.url.endsWith(".ts") ? "./redistribute-worker.ts" : "./redistribute-worker.js";
  const worker = new Worker(new URL(program, import.meta.url), { workerData: request });
  const stop = () => void worker.terminate();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const answer = await new Promise<Answer>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new LitewakeError("aborted", "resharding was stopped; nothing was changed")));
    });
    if ("tables" in answer) return answer.tables;
    throw new LitewakeError(answer.kind, answer.message);
  } finally {
    signal?.removeEventListener("abort", stop);
    await worker.terminate();
  }
}

/** Keeps the state before restorable, whatever becomes of it. */
async function pinOrigin(
  { restored, point }: FleetRestoreResult,
  { epoch, next }: { readonly epoch: number; readonly next: number },
  { client, signal }: ReshardRequest,
): Promise<string> {
  const takenAt = new Date();
  const name = `before-epoch-${next}-${takenAt.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  const places = new Map(
    restored.map(({ name, result: { position, snapshotIndex } }) => [name, { ...position, snapshot: snapshotIndex }]),
  );
  const pinned: RestorePoint = { name, takenAt, epoch, places: point?.places ?? places };
  await pinPlaces(client, pinned, { signal });
  return name;
}

/** From here on there is only the way forward: a run that is killed begins again from the pinned point. */
async function ship(databases: readonly FleetMember[], manifest: Manifest, request: ReshardRequest): Promise<void> {
  const { client, logger, signal, fileOf } = request;
  const narrow = limited(client, new ConcurrencyLimit(CALLS_AT_ONCE));
  const upkeep = { syncIntervalMs: 1000, snapshotIntervalMs: 0, retentionMs: 0, retentionCheckIntervalMs: HOUR_MS };
  const replication = await Replication.start({
    databases: databases.map(({ name, path: file }) => ({
      path: file,
      replicas: [{ name, client: prefixed(narrow, name), ...upkeep, leased: true }],
    })),
    logger,
    newHistory: true,
  });
  const stopSignal = signal ?? new AbortController().signal;
  let positions;
  try {
    const takenAt = new Date();
    const cut = replication.cut();
    if (cut === undefined) throw new LitewakeError("internal", "the new databases could not be held still");
    await Promise.all(cut.databases.map((database) => database.durable(stopSignal)));
    const nameAt = new Map(databases.map(({ name, path: file }) => [file, name]));
    const places = new Map(
      cut.databases.flatMap(({ path: file, positions: [place] }) => {
        const name = nameAt.get(file);
        return place === undefined || name === undefined ? [] : [[name, place] as const];
      }),
    );
    await publishPoint(client, { name: null, takenAt, epoch: manifest.epoch, places }, { signal });
    positions = await replication.sync({ signal: stopSignal });
  } finally {
    await replication.stop({ signal: stopSignal });
  }
  await endResharding(client, manifest, { signal });
  const staging = new Staging(databases.map(({ name }) => fileOf(name)));
  const staged = databases.flatMap(({ name, path: file }) => {
    const position = positions.find((synced) => synced.path === file)?.positions[0];
    const stamp = stampOf(file);
    return position === undefined || stamp === undefined
      ? []
      : [{ file, output: fileOf(name), replicaUrl: prefixed(narrow, name).url, position, stamp }];
  });
  for (const { file, output } of staged) await rename(file, stagedName(output));
  await staging.commit(staged.map(({ file: _file, ...one }) => one));
}

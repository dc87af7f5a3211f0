// Brings a fleet up: what is missing is restored, then everything is followed.
import fs from "node:fs";
import {
  type DatabaseStatus,
  fence,
  Fleet,
  Lease,
  leased,
  LitewakeError,
  type Logger,
  metaFolder,
  type SyncedDatabase,
  type TakenPoint,
} from "@litewake/core";
import type { Drills } from "@litewake/core/drill";
import { eachInParallel, prefixed, type ReplicaClient, retrying } from "@litewake/core/backend";
import type { BackendLoading } from "../backends.ts";
import type { FleetConfig } from "../config/config.ts";
import { memberReplica, nameOf } from "../config/read-fleet.ts";
import { type DrilledReplica, startDrills, withDrills } from "../drill/running-drills.ts";
import { Arrivals } from "./arrivals.ts";
import { hasBegun, takeLease } from "./lease.ts";
import { knownMembers, membersOf } from "./members.ts";
import { restoreDatabases } from "./restoring.ts";

const FENCES_AT_ONCE = 16;

export interface FleetStart {
  readonly fleet: FleetConfig;
  /** The fleet's root; not closed here. */
  readonly client: ReplicaClient;
  /** The same root, asked again for a while when it does not answer: for the restore. */
  readonly patientClient: ReplicaClient;
  readonly logger: Logger;
  readonly newHistory: boolean;
  /** Take the lease from whoever holds it, without waiting. */
  readonly takeOver: boolean;
  /** How a drill's process finds what it needs. */
  readonly loading: BackendLoading;
  /** Ends the restore. */
  readonly signal: AbortSignal;
  /** A line of progress on the terminal while it is restored. */
  readonly progress?: boolean;
}

/** A fleet at work. `stop` ships what is left. */
export class RunningFleet {
  readonly #fleet: Fleet;
  readonly #arrivals: Arrivals;
  readonly #lease: Lease | undefined;
  readonly #drills: Drills;

  private constructor(fleet: Fleet, lease: Lease | undefined, start: FleetStart) {
    const { fleet: config, logger, loading } = start;
    this.#fleet = fleet;
    this.#lease = lease;
    this.#arrivals = new Arrivals(fleet, config, logger);
    const replicas = (): DrilledReplica[] => fleet.status.map(({ path }) => drilledReplica(path, start));
    this.#drills = startDrills({ look: fleet.look, replicas, loading, logger });
  }

  /** Throws as `Lease.acquire`, `restoreFleet` and `Fleet.start`; then nothing runs. */
  static async start(start: FleetStart): Promise<RunningFleet> {
    // Before anything is restored: what the last owner still ships is part of the newest state.
    const lease = await leaseFor(start).catch((error: unknown) => {
      throw start.signal.aborted ? new LitewakeError("aborted", "the start was cancelled", { cause: error }) : error;
    });
    try {
      const fleet = await RunningFleet.#follow(start, lease);
      if (hasBegun(fleet.status)) lease?.settled();
      return new RunningFleet(fleet, lease, start);
    } catch (error) {
      await lease?.release();
      throw error;
    }
  }

  static async #follow(start: FleetStart, lease: Lease | undefined): Promise<Fleet> {
    const { fleet, client, patientClient, logger, newHistory, signal, progress = false } = start;
    if (fleet.restoreOnBoot) {
      await fenceMissing(start, lease);
      await restoreDatabases({ fleet, client: patientClient, signal, logger, progress });
    }
    const { layout, root, pointsIntervalMs, maxWalBytes, sealed } = fleet;
    const { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs } = root;
    return Fleet.start({
      client,
      lease,
      members: await membersOf(fleet),
      sharding: layout.kind === "shards" ? layout.sharding : undefined,
      syncIntervalMs,
      snapshotIntervalMs,
      retentionMs,
      retentionCheckIntervalMs,
      pointsIntervalMs,
      logger,
      newHistory,
      maxWalBytes,
      ...(sealed ? {} : { tuning: { sealFromBytes: Number.POSITIVE_INFINITY } }),
    });
  }

  get givenUp(): Promise<void> {
    return this.#fleet.givenUp;
  }

  get failure(): unknown {
    return this.#fleet.failure;
  }

  get status(): readonly DatabaseStatus[] {
    return withDrills(this.#fleet.status, this.#drills);
  }

  /** As `Fleet.sync`, of all databases that are there at the time of the call. */
  async sync(options: { readonly signal?: AbortSignal } = {}): Promise<SyncedDatabase[]> {
    await this.#arrivals.look();
    return this.#fleet.sync(options);
  }

  /** As `Fleet.point`, over all databases that are there at the time of the call. */
  async point(name: string | null): Promise<TakenPoint> {
    await this.#arrivals.look();
    return this.#fleet.point(name);
  }

  async stop(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const announced = this.#lease?.announceEnd();
    // What was broken off may still be under way.
    let clean = false;
    try {
      await this.#drills[Symbol.asyncDispose]();
      await this.#arrivals.stop();
      await this.#fleet.stop(options);
      clean = true;
    } finally {
      await announced;
      await this.#lease?.release({ clean });
    }
  }
}

function drilledReplica(path: string, { fleet, client }: FleetStart): DrilledReplica {
  const name = nameOf(fleet, path);
  return {
    path,
    name,
    url: prefixed(client, name).url,
    intervalMs: fleet.root.verifyIntervalMs,
    metaFolder: metaFolder(path),
    folder: fleet.verifyPath,
    replica: { ...memberReplica(fleet, name), name },
  };
}

async function leaseFor({
  fleet,
  client,
  patientClient,
  logger,
  takeOver,
  signal,
}: FleetStart): Promise<Lease | undefined> {
  if (fleet.root.leaseMs === 0) return undefined;
  const mustRestore = fleet.restoreOnBoot && (await isMissing(fleet));
  return takeLease({
    client,
    patientClient: mustRestore ? patientClient : undefined,
    ttlMs: fleet.root.leaseMs,
    takeOver,
    logger,
    signal,
  });
}

/** What is about to be restored is the newest state, and stays it, whatever the last owner may have under way. */
async function fenceMissing({ fleet, client, signal }: FleetStart, lease: Lease | undefined): Promise<void> {
  if (lease?.contested !== true) return;
  const own = retrying(leased(client, lease));
  const missing = (await knownMembers(fleet, own, signal)).filter(({ path }) => !fs.existsSync(path));
  await eachInParallel(missing, FENCES_AT_ONCE, ({ name }) => fence(prefixed(own, name), { signal }));
}

async function isMissing(fleet: FleetConfig): Promise<boolean> {
  const members = await membersOf(fleet);
  return members.length === 0 || members.some(({ path }) => !fs.existsSync(path));
}

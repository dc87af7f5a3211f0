// Databases with replicas of their own (`dbs:`), each replica with its lease where one is asked for.
import {
  type DatabaseReplication,
  type DatabaseStatus,
  type Lease,
  leased,
  LitewakeError,
  type Logger,
  metaFolder,
  Replication,
} from "@litewake/core";
import type { Drills } from "@litewake/core/drill";
import type { ReplicaClient } from "@litewake/core/backend";
import type { DatabaseConfig, ReplicaConfig } from "../config/config.ts";
import type { BackendLoading } from "../backends.ts";
import { type DrilledReplica, startDrills, withDrills } from "../drill/running-drills.ts";
import { hasBegun, takeLease } from "./lease.ts";

export interface DatabasesStart {
  readonly databases: readonly DatabaseConfig[];
  readonly open: (replica: ReplicaConfig) => Promise<ReplicaClient>;
  readonly logger: Logger;
  readonly newHistory: boolean;
  /** Take a lease from whoever holds it, without waiting. */
  readonly takeOver: boolean;
  /** How a drill's process finds what it needs. */
  readonly loading: BackendLoading;
  /** Ends the wait for a lease. */
  readonly signal: AbortSignal;
}

/** At work. `stop` ships what is left. */
export class RunningDatabases {
  readonly #replication: Replication;
  readonly #leases: readonly Lease[];
  readonly #drills: Drills;

  private constructor(replication: Replication, leases: readonly Lease[], drills: Drills) {
    this.#replication = replication;
    this.#leases = leases;
    this.#drills = drills;
  }

  /** Throws as `Lease.acquire` and `Replication.start`; then nothing runs. */
  static async start(start: DatabasesStart): Promise<RunningDatabases> {
    const leases: Lease[] = [];
    try {
      const databases = await allOf(start.databases.map((database) => replicationOf(database, start, leases)));
      const { logger, newHistory, loading } = start;
      const replication = await Replication.start({ databases, logger, newHistory });
      if (hasBegun(replication.status)) for (const lease of leases) lease.settled();
      const drilled = start.databases.flatMap((database, n) => drilledReplicas(database, databases[n]));
      const look: Replication["look"] = (...args) => replication.look(...args);
      return new RunningDatabases(replication, leases, startDrills({ look, replicas: () => drilled, loading, logger }));
    } catch (error) {
      await Promise.all(leases.map((lease) => lease.release()));
      throw start.signal.aborted ? new LitewakeError("aborted", "the start was cancelled", { cause: error }) : error;
    }
  }

  get givenUp(): Promise<void> {
    return this.#replication.givenUp;
  }

  get failure(): unknown {
    return this.#replication.failure;
  }

  get status(): readonly DatabaseStatus[] {
    return withDrills(this.#replication.status, this.#drills);
  }

  async stop(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const announced = this.#leases.map((lease) => lease.announceEnd());
    // What was broken off may still be under way.
    let clean = false;
    try {
      await this.#drills[Symbol.asyncDispose]();
      await this.#replication.stop(options);
      clean = true;
    } finally {
      await Promise.all(announced);
      await Promise.all(this.#leases.map((lease) => lease.release({ clean })));
    }
  }
}

function drilledReplicas(
  { path, metaPath, verifyPath, replicas }: DatabaseConfig,
  running: DatabaseReplication | undefined,
): DrilledReplica[] {
  return replicas.map((replica, n) => ({
    path,
    name: replica.name,
    url: running?.replicas[n]?.client.url ?? "",
    intervalMs: replica.verifyIntervalMs,
    metaFolder: metaFolder(path, metaPath),
    folder: verifyPath,
    replica,
  }));
}

/** Waits for all, so that whatever was taken on the way is known when the first failure is thrown. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

async function replicationOf(
  database: DatabaseConfig,
  start: DatabasesStart,
  leases: Lease[],
): Promise<DatabaseReplication> {
  const { path, metaPath, maxWalBytes, sealed } = database;
  const replicas = await allOf(
    database.replicas.map(async (replica) => {
      const { name, syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs, leaseMs } = replica;
      const intervals = { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs };
      const client = await start.open(replica);
      if (leaseMs === 0) return { name, client, ...intervals };
      const { takeOver, logger, signal } = start;
      const lease = await takeLease({ client, ttlMs: leaseMs, takeOver, logger, signal });
      leases.push(lease);
      return { name, client: leased(client, lease), leased: true, isContested: () => lease.contested, ...intervals };
    }),
  );
  return {
    path,
    metaPath,
    maxWalBytes,
    replicas,
    ...(sealed ? {} : { tuning: { sealFromBytes: Number.POSITIVE_INFINITY } }),
  };
}

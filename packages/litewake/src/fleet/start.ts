// Brings a fleet up: what is missing is restored, then everything is followed.
import { type DatabaseStatus, Fleet, type Logger, type SyncedDatabase, type TakenPoint } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import type { FleetConfig } from "../config/config.ts";
import { Arrivals } from "./arrivals.ts";
import { membersOf } from "./members.ts";
import { restoreDatabases } from "./restoring.ts";

export interface FleetStart {
  readonly fleet: FleetConfig;
  /** The fleet's root; not closed here. */
  readonly client: ReplicaClient;
  /** The same root, asked again for a while when it does not answer: for the restore. */
  readonly patientClient: ReplicaClient;
  readonly logger: Logger;
  readonly newHistory: boolean;
  /** Ends the restore. */
  readonly signal: AbortSignal;
  /** A line of progress on the terminal while it is restored. */
  readonly progress?: boolean;
}

/** A fleet at work. `stop` ships what is left. */
export class RunningFleet {
  readonly #fleet: Fleet;
  readonly #arrivals: Arrivals;

  private constructor(fleet: Fleet, { fleet: config, logger }: FleetStart) {
    this.#fleet = fleet;
    this.#arrivals = new Arrivals(fleet, config, logger);
  }

  /** Throws as `restoreFleet` and `Fleet.start`; then nothing runs. */
  static async start(start: FleetStart): Promise<RunningFleet> {
    const { fleet, client, patientClient, logger, newHistory, signal, progress = false } = start;
    if (fleet.restoreOnBoot) await restoreDatabases({ fleet, client: patientClient, signal, logger, progress });
    const { layout, root, pointsIntervalMs, maxWalBytes, sealed } = fleet;
    const { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs } = root;
    const running = await Fleet.start({
      client,
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
    return new RunningFleet(running, start);
  }

  get givenUp(): Promise<void> {
    return this.#fleet.givenUp;
  }

  get failure(): unknown {
    return this.#fleet.failure;
  }

  get status(): readonly DatabaseStatus[] {
    return this.#fleet.status;
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
    await this.#arrivals.stop();
    await this.#fleet.stop(options);
  }
}

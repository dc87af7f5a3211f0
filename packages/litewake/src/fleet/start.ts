// Brings a fleet up: what is missing is restored, then everything is followed.
import { Fleet, type Logger } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import type { FleetConfig } from "../config/config.ts";
import { followArrivals } from "./arrivals.ts";
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
}

/** A fleet at work. `stop` ships what is left. */
export class RunningFleet {
  readonly fleet: Fleet;
  readonly #arrivals: Promise<void>;
  readonly #stop = new AbortController();

  private constructor(fleet: Fleet, { fleet: config, logger }: FleetStart) {
    this.fleet = fleet;
    this.#arrivals = followArrivals(fleet, config, { logger, signal: this.#stop.signal });
  }

  /** Throws as `restoreFleet` and `Fleet.start`; then nothing runs. */
  static async start(start: FleetStart): Promise<RunningFleet> {
    const { fleet, client, patientClient, logger, newHistory, signal } = start;
    if (fleet.restoreOnBoot) await restoreDatabases({ fleet, client: patientClient, signal, logger });
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
    return this.fleet.givenUp;
  }

  get failure(): unknown {
    return this.fleet.failure;
  }

  async stop(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#stop.abort();
    await this.#arrivals;
    await this.fleet.stop(options);
  }
}

// The drills of what is being replicated.
import type { DatabaseStatus, DrillTarget, Logger, Replication } from "@litewake/core";
import { Drills } from "@litewake/core/drill";
import type { BackendLoading } from "../backends.ts";
import type { ReplicaConfig } from "../config/config.ts";
import { drillByProcess } from "./drill-process.ts";

/** A replica of the configuration on which drills may be held. */
export interface DrilledReplica extends DrillTarget {
  readonly replica: ReplicaConfig;
}

export interface RunningDrillsOptions {
  readonly look: Replication["look"];
  /** All that are there at this moment, also those on which none is held. */
  readonly replicas: () => readonly DrilledReplica[];
  readonly loading: BackendLoading;
  readonly logger: Logger;
}

export function startDrills({ look, replicas, loading, logger }: RunningDrillsOptions): Drills {
  const { packages = {}, from = [process.cwd()] } = loading;
  const replicaOf = ({ path, name }: DrillTarget): ReplicaConfig | undefined =>
    replicas().find((one) => one.path === path && one.name === name)?.replica;
  return new Drills({ look, targets: replicas, prove: drillByProcess({ replicaOf, packages, from }), logger });
}

/** The status with what the drills have shown. */
export function withDrills(status: readonly DatabaseStatus[], drills: Drills): readonly DatabaseStatus[] {
  return status.map((database) => ({
    ...database,
    replicas: database.replicas.map((replica) => {
      const drill = drills.status(database.path, replica.name);
      return drill === undefined ? replica : { ...replica, drill };
    }),
  }));
}

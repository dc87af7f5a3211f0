// Restores the databases of a fleet, and says how it goes: a line on a terminal while it runs, and one for each database.
import { formatPosition, type FleetRestoreResult, type Logger, type PointTarget, restoreFleet } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { ProgressLine } from "../cli/progress.ts";
import { formatBytes } from "../cli/table.ts";
import type { FleetConfig } from "../config/config.ts";
import { FleetProgress } from "./fleet-progress.ts";
import { knownMembers } from "./members.ts";

export interface FleetRestoring {
  readonly fleet: FleetConfig;
  /** The fleet's root. */
  readonly client: ReplicaClient;
  readonly target?: PointTarget | undefined;
  readonly parallelism?: number | undefined;
  readonly integrityCheck?: "none" | "quick" | "full" | undefined;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** A line on the terminal, if standard error is one. */
  readonly progress?: boolean;
}

/** Throws as `restoreFleet`. */
export async function restoreDatabases(restoring: FleetRestoring): Promise<FleetRestoreResult> {
  const { fleet, client, signal, logger } = restoring;
  const members = await knownMembers(fleet, client, signal);
  const started = performance.now();
  using line = new ProgressLine(restoring.progress === true ? process.stderr : { write: () => true });
  const progress = new FleetProgress(members.length);
  const say: Logger = (...event) => {
    line.clear();
    logger(...event);
  };
  const { layout } = fleet;
  const result = await restoreFleet({
    ...restoring,
    members,
    sharding: layout.kind === "shards" ? layout.sharding : undefined,
    logger: say,
    onProgress: (name, one) => line.show(progress.take(name, one)),
    onRestored: (name, { position, bytesFetched, elapsedMs }) => {
      progress.done();
      say("info", "restored", {
        database: name,
        position: formatPosition(position),
        fetched: formatBytes(bytesFetched),
        ms: elapsedMs,
      });
    },
  });
  line.clear();
  const { restored, skipped, fresh, point } = result;
  if (restored.length > 0) {
    const bytes = restored.reduce((sum, one) => sum + one.result.bytesFetched, 0);
    say("info", "all databases are restored", {
      restored: restored.length,
      there: skipped.length,
      new: fresh.length,
      ...(point === undefined ? {} : { point: point.name ?? point.takenAt.toISOString() }),
      fetched: formatBytes(bytes),
      ms: Math.round(performance.now() - started),
    });
  }
  return result;
}

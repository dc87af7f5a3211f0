// Verifies the replica of a fleet as its configuration names it.
import type { FleetVerifyReport, VerifyProgress } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import type { FleetConfig } from "../config/config.ts";
import { knownMembers } from "./members.ts";

export interface FleetVerifying {
  readonly fleet: FleetConfig;
  /** The fleet's root. */
  readonly client: ReplicaClient;
  readonly parallelism?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((name: string, progress: VerifyProgress) => void) | undefined;
}

/** Throws as `verifyFleet`. */
export async function verifyDatabases({ fleet, client, ...how }: FleetVerifying): Promise<FleetVerifyReport> {
  const members = await knownMembers(fleet, client, how.signal);
  const { retentionMs } = fleet.root;
  const { verifyFleet } = await import("@litewake/core/verify");
  return verifyFleet({ ...how, client, names: members.map(({ name }) => name), retentionMs });
}

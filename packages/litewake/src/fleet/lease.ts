// Takes the lease of a replica root at a start.
import { type DatabaseStatus, Lease, type LeaseOptions } from "@litewake/core";
import { ReplicaError } from "@litewake/core/backend";

export interface LeaseStart extends LeaseOptions {
  readonly signal: AbortSignal;
}

/**
 * Throws as `Lease.acquire`. A store that is away keeps nothing from starting that needs nothing from it: without a
 * `patientClient` the lease is then had later.
 */
export async function takeLease({ signal, ...options }: LeaseStart): Promise<Lease> {
  const { patientClient, logger } = options;
  const lease = new Lease(options);
  try {
    await lease.acquire(signal);
  } catch (error) {
    if (patientClient !== undefined || !ReplicaError.is(error) || signal.aborted) throw error;
    logger("warn", "the replica does not answer; its lease is taken when it does", { error: error.message });
    void lease.acquireEventually();
  }
  return lease;
}

/** Whether every replica was reached and goes on with its history: a late request of somebody else changes nothing there. */
export function hasBegun(databases: readonly DatabaseStatus[]): boolean {
  return databases.every(
    ({ state, replicas }) => state === "following" && replicas.every((one) => one.state === "shipping"),
  );
}

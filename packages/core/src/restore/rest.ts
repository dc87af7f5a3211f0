// What a refusal says of the rest: the newest point that can be restored without what was found damaged.
import { decodeSnapshotProof } from "../replica/proof.ts";
import { readProof } from "../replica/object-head.ts";
import { breaksOffInOwnIndex, type RestorePlan } from "./plan.ts";
import { KnownFaults, pointOf, reachablePlan } from "./reachable.ts";
import { RestoreRefusal } from "./refusal.ts";
import { foreignHome } from "./snapshot.ts";
import type { ListedSource } from "./source-choice.ts";
import type { RestoreTarget } from "./target.ts";

/** Runs `work`; a refusal that it throws names what can be restored instead. */
export async function namingTheRest<T>(
  from: ListedSource,
  target: RestoreTarget,
  signal: AbortSignal | undefined,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RestoreRefusal) || error.kind !== "damaged" || target.place !== undefined) throw error;
    const faults = new KnownFaults();
    if (error.fault !== undefined) faults.add(error.fault);
    // What is wrong with the replica is said in any case.
    const plan = await furthestPlan(from, target, faults, signal).catch(() => undefined);
    throw error.withProvable(pointOf(plan));
  }
}

/**
 * As `reachablePlan`, without snapshots that lie under another's name, or that would be cut off from their own WAL and do
 * not state up to where they reach: one small request for each snapshot that is considered.
 */
export async function furthestPlan(
  { source, catalog }: ListedSource,
  target: RestoreTarget,
  faults: KnownFaults,
  signal: AbortSignal | undefined,
): Promise<RestorePlan | undefined> {
  for (;;) {
    const plan = reachablePlan(catalog, target, faults);
    if (plan === undefined) return undefined;
    const proof = await readProof(source.client, plan.snapshot.key, decodeSnapshotProof, signal);
    const place = { generation: plan.generation, index: plan.snapshot.index };
    const isUsable = proof === undefined ? !breaksOffInOwnIndex(plan) : foreignHome(proof, place) === undefined;
    if (isUsable) return plan;
    faults.add({ kind: "snapshot", ...place });
  }
}

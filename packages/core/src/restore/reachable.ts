// What a replica can still give where something of it is missing or damaged: the newest state that the listing, and what
// reading has shown so far, do not speak against. Pure.
import { type Catalog, compareHistories, type GenerationRecord, type SnapshotRecord } from "../replica/catalog.ts";
import { comparePlaces, type Generation } from "../replica/position.ts";
import { type Chain, followChain, planOf, type RestorePlan } from "./plan.ts";
import type { Fault, ProvablePoint } from "./refusal.ts";
import type { RestoreTarget } from "./target.ts";

interface Place {
  readonly index: number;
  readonly offset: number;
}

/** Faults that reading has shown. */
export class KnownFaults {
  readonly #snapshots = new Set<string>();
  readonly #cuts = new Map<Generation, Place>();

  /** False: it says nothing new. */
  add(fault: Fault): boolean {
    if (fault.kind === "snapshot") {
      const key = `${fault.generation}/${fault.index}`;
      if (this.#snapshots.has(key)) return false;
      this.#snapshots.add(key);
      return true;
    }
    const known = this.#cuts.get(fault.generation);
    if (known !== undefined && comparePlaces(known, fault) <= 0) return false;
    this.#cuts.set(fault.generation, { index: fault.index, offset: fault.offset });
    return true;
  }

  isUsable(generation: Generation, { index }: SnapshotRecord): boolean {
    return !this.#snapshots.has(`${generation}/${index}`);
  }

  cutOf(generation: Generation): Place | undefined {
    return this.#cuts.get(generation);
  }
}

/**
 * The plan that reaches furthest, in the generation written to last that has one; of those to the same place the one that
 * fetches least. `undefined`: there is none.
 */
export function reachablePlan(catalog: Catalog, target: RestoreTarget, faults: KnownFaults): RestorePlan | undefined {
  for (const record of byNewest(catalog, target)) {
    const plan = furthest(record, target, faults);
    if (plan !== undefined) return plan;
  }
  return undefined;
}

/** The newest object that fits the target, whether or not anything can be restored from it. */
export function newestKnown(catalog: Catalog, target: RestoreTarget): ProvablePoint | undefined {
  const [record] = byNewest(catalog, target);
  if (record === undefined) return undefined;
  const { generation, segments } = record;
  const untilMs = target.timestamp?.getTime() ?? Number.POSITIVE_INFINITY;
  const untilIndex = target.index ?? Number.POSITIVE_INFINITY;
  let newest: ProvablePoint | undefined;
  const take = (index: number, offset: number, ms: number): void => {
    if (ms > untilMs || index > untilIndex) return;
    const isLater = newest === undefined || comparePlaces({ index, offset }, newest) >= 0;
    const moment = new Date(Math.max(ms, newest?.moment.getTime() ?? ms));
    newest = { generation, ...(isLater || newest === undefined ? { index, offset } : newest), moment };
  };
  for (const { index, modifiedAt } of record.snapshots) take(index, 0, modifiedAt.getTime());
  for (let at = 0; at < segments.length; at++) {
    take(segments.indexAt(at), segments.offsetAt(at), segments.modifiedMsAt(at));
  }
  return newest;
}

export function pointOf(plan: RestorePlan | undefined): ProvablePoint | undefined {
  return plan === undefined ? undefined : { generation: plan.generation, ...plan.last, moment: plan.moment };
}

function byNewest({ generations }: Catalog, { generation, timestamp }: RestoreTarget): GenerationRecord[] {
  return generations
    .filter((record) => generation === undefined || record.generation === generation)
    .filter((record) => timestamp === undefined || record.createdAt <= timestamp)
    .sort((a, b) => compareHistories(b, a));
}

function furthest(record: GenerationRecord, target: RestoreTarget, faults: KnownFaults): RestorePlan | undefined {
  const cut = faults.cutOf(record.generation);
  let best: { snapshot: SnapshotRecord; chain: Chain; reach: Place } | undefined;
  for (const snapshot of record.snapshots) {
    if (!faults.isUsable(record.generation, snapshot)) continue;
    if (target.timestamp !== undefined && snapshot.modifiedAt > target.timestamp) continue;
    if (target.index !== undefined && snapshot.index > target.index) continue;
    const chain = followChain(record, snapshot, target, cut);
    const last = chain.end > chain.first ? record.segments.at(chain.end - 1) : undefined;
    const reach = last ?? { index: snapshot.index, offset: -1 };
    if (best === undefined || comparePlaces(reach, best.reach) >= 0) best = { snapshot, chain, reach };
  }
  return best === undefined ? undefined : planOf(record, best.snapshot, best.chain);
}

// Going back, where every replica is damaged, to the newest point that can be proved; and saying what that costs.
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { silent } from "../logger.ts";
import { type Catalog, compareHistories, readCatalog } from "../replica/catalog.ts";
import { snapshotKey } from "../replica/layout.ts";
import { comparePlaces } from "../replica/position.ts";
import type { RestorePlan } from "./plan.ts";
import { KnownFaults, newestKnown, pointOf } from "./reachable.ts";
import { type ProvablePoint, type RefusedPlace, RestoreRefusal } from "./refusal.ts";
import { furthestPlan } from "./rest.ts";
import type { ListedSource, ReplicaSource, SourceFailure } from "./source-choice.ts";
import type { RestoreTarget } from "./target.ts";

/** What a restore had to do without. */
export interface BestEffort {
  /** The newest state that was asked for was reached all the same: another snapshot led around the damage. */
  readonly complete: boolean;
  /** What is damaged or missing, in the order in which it was found. */
  readonly damage: readonly { readonly what: string; readonly place: RefusedPlace | undefined }[];
  /** The newest object that fits the request, of any replica. */
  readonly newest: ProvablePoint;
  /** Objects that come after what was restored, in its replica and within the request. */
  readonly leftOut: {
    readonly objects: number;
    readonly first: string | undefined;
    readonly last: string | undefined;
  };
}

interface Asked {
  readonly replicas: readonly ReplicaSource[];
  readonly target?: RestoreTarget;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

export interface RestOfReplicas<T> {
  readonly request: Asked;
  /** Thrown where nothing can be restored. */
  readonly refused: LitewakeError;
  readonly failed: readonly SourceFailure[];
  readonly attempt: (from: ListedSource, plan: RestorePlan, bestEffort: () => BestEffort) => Promise<T>;
}

interface Searched extends ListedSource {
  readonly faults: KnownFaults;
  plan: RestorePlan | undefined;
}

/**
 * Tries the plan that reaches furthest over all replicas; each failure adds what is known to be damaged, until one succeeds
 * or none is left.
 */
export async function restoreTheRest<T>({ request, refused, failed, attempt }: RestOfReplicas<T>): Promise<T> {
  const { target = {}, signal, logger = silent } = request;
  const damage: { what: string; place: RefusedPlace | undefined }[] = [];
  const searched = await Promise.all(failed.map(({ source, error }) => search(source, error)));
  for (const { error } of failed) {
    if (error instanceof RestoreRefusal) damage.push({ what: error.what, place: error.place });
    else damage.push({ what: error.message, place: undefined });
  }

  async function search(source: ReplicaSource, error: LitewakeError): Promise<Searched | undefined> {
    // One that cannot be reached now was told of above.
    const catalog = await readCatalog(source.client, { signal }).catch(() => undefined);
    if (catalog === undefined) return undefined;
    const faults = new KnownFaults();
    if (error instanceof RestoreRefusal && error.fault !== undefined) faults.add(error.fault);
    return { source, catalog, faults, plan: await furthestPlan({ source, catalog }, target, faults, signal) };
  }

  const listed = searched.filter((one) => one !== undefined);
  for (;;) {
    signal?.throwIfAborted();
    const from = newestFirst(listed)[0];
    const plan = from?.plan;
    if (from === undefined || plan === undefined) throw nothingLeft(refused, damage);
    try {
      return await attempt(from, plan, () => account(plan, from, listed, target, damage));
    } catch (error) {
      if (!(error instanceof RestoreRefusal) || error.kind !== "damaged" || error.fault === undefined) throw error;
      if (!from.faults.add(error.fault)) throw error;
      damage.push({ what: error.what, place: error.place });
      logger("warn", "this point cannot be proved either", { replica: from.source.name, error: error.what });
      from.plan = await furthestPlan(from, target, from.faults, signal);
    }
  }
}

/** The refusal of the plain restore, without the point that it names: that one was tried. */
function nothingLeft(refused: LitewakeError, damage: BestEffort["damage"]): LitewakeError {
  const others = damage.length > 1 ? ` (${damage.length} objects are damaged)` : "";
  const [first] = damage;
  if (first?.place === undefined) return refused;
  return new RestoreRefusal("damaged", `no point can be proved${others}; ${first.what}`, first.place, {
    cause: refused,
  });
}

function newestFirst(listed: readonly Searched[]): Searched[] {
  const ms = ({ plan }: Searched): number => plan?.moment.getTime() ?? Number.NEGATIVE_INFINITY;
  return listed.filter(({ plan }) => plan !== undefined).sort((a, b) => ms(b) - ms(a));
}

function account(
  plan: RestorePlan,
  from: ListedSource,
  listed: readonly ListedSource[],
  target: RestoreTarget,
  damage: BestEffort["damage"],
): BestEffort {
  const reached = pointOf(plan) ?? { generation: plan.generation, ...plan.last, moment: plan.moment };
  const known = listed.map(({ catalog }) => newestKnown(catalog, target)).filter((point) => point !== undefined);
  const [newest = reached] = known.toSorted((a, b) => b.moment.getTime() - a.moment.getTime());
  const isNewest = newest.generation === reached.generation && comparePlaces(newest, reached) <= 0;
  return {
    complete: plan.stop === "end" && isNewest,
    damage: [...damage],
    newest,
    leftOut: leftOut(plan, from.catalog, target),
  };
}

/** Segments after the plan's last in its generation, and whatever lies in generations written to later. */
function leftOut(plan: RestorePlan, catalog: Catalog, target: RestoreTarget): BestEffort["leftOut"] {
  const untilMs = target.timestamp?.getTime() ?? Number.POSITIVE_INFINITY;
  const untilIndex = target.index ?? Number.POSITIVE_INFINITY;
  const own = catalog.generations.find(({ generation }) => generation === plan.generation);
  let objects = 0;
  let first: string | undefined;
  let last: string | undefined;
  const take = (key: string, index: number, ms: number): void => {
    if (ms > untilMs || index > untilIndex) return;
    objects += 1;
    first ??= key;
    last = key;
  };
  const later = catalog.generations.filter(
    (record) =>
      own !== undefined &&
      compareHistories(record, own) > 0 &&
      (target.generation ?? record.generation) === record.generation,
  );
  for (const record of own === undefined ? later : [own, ...later]) {
    const { segments, snapshots, generation } = record;
    for (const { index, modifiedAt } of snapshots) {
      if (record !== own || index > plan.last.index) take(snapshotKey(generation, index), index, modifiedAt.getTime());
    }
    for (let at = record === own ? plan.segments.end : 0; at < segments.length; at++) {
      take(segments.keyAt(at), segments.indexAt(at), segments.modifiedMsAt(at));
    }
  }
  return { objects, first, last };
}

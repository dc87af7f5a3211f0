// What a case asks for, and what a sound replica would give.
import type { RestoreTarget } from "@litewake/core";
import type { Generation } from "@litewake/core/protocol";
import type { Random } from "../../../testkit/writers/random.ts";
import { before, type Place, type SoundObject, type Truth } from "./states.ts";

/** Mostly the newest state; else a moment, an index or a generation. */
export function drawTarget(truth: Truth, random: Random): RestoreTarget {
  const object = random.pick(truth.objects);
  const generation = object.generation as Generation;
  switch (random.below(10)) {
    case 0:
    case 1:
      return { timestamp: new Date(object.modifiedMs + random.below(2) * 500) };
    case 2:
    case 3:
      return { generation, index: object.index };
    case 4:
      return { generation };
    default:
      return {};
  }
}

export function shownTarget({ timestamp, generation, index }: RestoreTarget): string {
  const parts = [
    ...(generation === undefined ? [] : [`-generation ${generation}`]),
    ...(index === undefined ? [] : [`-index ${index.toString(16)}`]),
    ...(timestamp === undefined ? [] : [`-timestamp ${timestamp.toISOString()}`]),
  ];
  return parts.length === 0 ? "newest" : parts.join(" ");
}

export interface GenerationPlace extends Place {
  readonly generation: string;
}

/** Whether an object counts for a target. */
export function isWithin(
  object: Pick<SoundObject, "generation" | "index" | "modifiedMs">,
  target: RestoreTarget,
): boolean {
  const { timestamp, generation, index } = target;
  return (
    (generation === undefined || object.generation === generation) &&
    (index === undefined || object.index <= index) &&
    (timestamp === undefined || object.modifiedMs <= timestamp.getTime())
  );
}

/**
 * The furthest place over snapshots and segments for which `isThere` holds. A snapshot whose own index breaks off does only
 * where it states its place.
 */
export function furthest(
  truth: Truth,
  target: RestoreTarget,
  statesPlaces: boolean,
  isThere: (key: string) => boolean,
): GenerationPlace | undefined {
  for (const generation of truth.generations) {
    const own = truth.objects.filter((object) => object.generation === generation && isWithin(object, target));
    const segments = own.filter(({ kind }) => kind === "segment");
    segments.sort((a, b) => a.index - b.index || a.offset - b.offset);
    let best: Place | undefined;
    for (const snapshot of own.filter(({ kind, key }) => kind === "snapshot" && isThere(key))) {
      const chain = segments.filter(({ index }) => index >= snapshot.index);
      const broken = chain.findIndex(({ key }) => !isThere(key));
      const last = chain[(broken < 0 ? chain.length : broken) - 1];
      let place: Place = last?.commit ?? { index: snapshot.index, offset: 0 };
      if (broken >= 0 && place.index === snapshot.index && !statesPlaces) continue;
      if (before(place, snapshot.commit))
        place = last === undefined ? { index: snapshot.index, offset: 0 } : snapshot.commit;
      if (best === undefined || before(best, place)) best = place;
    }
    if (best !== undefined) return { generation, ...best };
  }
  return undefined;
}

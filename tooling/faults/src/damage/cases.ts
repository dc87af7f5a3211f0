// The cases of a run: every class of damage on every shape, and two at once; each is found again by its name.
import type { RestoreTarget } from "@litewake/core";
import { type Random, seeded } from "../../../testkit/writers/random.ts";
import { CUTS_AND_FLIPS } from "./cuts-and-flips.ts";
import type { Damage, DamageClass } from "./damage.ts";
import { EXCHANGES } from "./exchanges.ts";
import { FORM_DAMAGE } from "./forms.ts";
import type { DamagedReplica } from "./damaged-replica.ts";
import type { StoredObject } from "./objects.ts";
import type { Shape } from "./shapes.ts";
import { drawTarget } from "./target.ts";

export const CLASSES: readonly DamageClass[] = [...CUTS_AND_FLIPS, ...EXCHANGES, ...FORM_DAMAGE];
export const TWO = "two-at-once";

export interface Case {
  /** `shape/class/number`: the same for the same seed. */
  readonly name: string;
  readonly className: string;
  readonly shape: Shape;
  readonly damages: readonly Damage[];
  readonly target: RestoreTarget;
}

export interface CaseOptions {
  readonly seed: number;
  /** Damages of each class on each shape, at most. */
  readonly each: number;
  /** Pairs on each shape. */
  readonly pairs: number;
}

export function* casesOf(shapes: readonly Shape[], { seed, each, pairs }: CaseOptions): Generator<Case> {
  for (const shape of shapes) {
    const lists = CLASSES.map(({ name, list }) => ({ name, damages: list(shape, randomOf(seed, shape.name, name)) }));
    for (const { name, damages } of lists) {
      const random = randomOf(seed, shape.name, `${name}/chosen`);
      for (const { damage, number } of sample(damages, each, random)) {
        // The newest state always; the other targets by turns.
        const target = number % 2 === 0 ? {} : drawTarget(shape.truth, random);
        yield { name: `${shape.name}/${name}/${number}`, className: name, shape, damages: [damage], target };
      }
    }
    const random = randomOf(seed, shape.name, TWO);
    for (let number = 0; number < pairs; number++) {
      const two = [0, 1].map(() =>
        random.pick(
          random.pick(lists).damages.length > 0
            ? random.pick(lists.filter(({ damages }) => damages.length > 0)).damages
            : (lists[0]?.damages ?? []),
        ),
      );
      const target = drawTarget(shape.truth, random);
      yield { name: `${shape.name}/${TWO}/${number}`, className: TWO, shape, damages: two, target };
    }
  }
}

export function damagedReplica({ shape, damages, target }: Case): DamagedReplica {
  const objects = new Map<string, StoredObject>(shape.objects);
  for (const { apply } of damages) apply(objects);
  const vanished = new Set(damages.flatMap((damage) => damage.vanished ?? []));
  return { shape, objects, vanished, target, damages: damages.reduce((sum, damage) => sum + (damage.objects ?? 1), 0) };
}

function randomOf(seed: number, ...names: readonly string[]): Random {
  let state = seed;
  for (const char of names.join("/")) state = (Math.imul(state, 31) + char.charCodeAt(0)) | 0;
  return seeded(state);
}

/** All where there are few; else evenly spread, from a place that the seed draws. */
function sample(damages: readonly Damage[], count: number, random: Random): { damage: Damage; number: number }[] {
  const step = Math.max(1, damages.length / count);
  const from = random.below(Math.ceil(step));
  const chosen: { damage: Damage; number: number }[] = [];
  for (let n = 0; n < count; n++) {
    const number = Math.floor(from + n * step);
    const damage = damages[number];
    if (damage !== undefined) chosen.push({ damage, number });
  }
  return chosen;
}

// The weather of a long run: minutes of this and that, half of the time nothing; failures only, no lies.
import type { Random } from "@litewake-tooling/testkit/random";
import { honestFaults, type Weather } from "../nemesis/faults.ts";

export interface Spell {
  readonly ms: number;
  readonly weather: Weather;
}

/** The next spell. A store that is away altogether comes back within seconds, as a lease is held for longer than that. */
export function nextSpell(random: Random, scale: number): Spell {
  const roll = random.below(10);
  if (roll < 5) return { ms: scale * (1000 + random.below(4000)), weather: {} };
  if (roll < 6) return { ms: scale * (200 + random.below(1500)), weather: { [random.pick(ALTOGETHER)]: 1 } };
  const weather = Object.fromEntries(
    Array.from({ length: 4 }, () => [random.pick(honestFaults), (1 + random.below(20)) / 100]),
  );
  return { ms: scale * (1000 + random.below(4000)), weather };
}

const ALTOGETHER = ["refused", "hung", "full", "throttled", "cut"] as const;

// Draws the fate of each call from the seed. The draw depends on the call (its verb, its key, how often it was made) and on
// the phase of the schedule, not on what other calls were made meanwhile: so a seed replays, as far as processes do.
import { fnv1a32 } from "@litewake/core";
import { type Random, seeded } from "@litewake-tooling/testkit/random";
import { type Fault, faultsOf, type Verb, type Weather } from "./faults.ts";

export interface Fate {
  /** `undefined`: all goes well. */
  readonly fault: Fault | undefined;
  /** For what the fault leaves open: how long, how much. */
  readonly random: Random;
}

const PARTS = 1_000_000;

export class Fates {
  readonly #seed: number;
  readonly #calls = new Map<string, number>();
  readonly #generations = new Map<string, number>();
  #phase = 0;
  #weather: Weather = {};
  /** How often each fault was drawn. */
  readonly drawn: Partial<Record<Fault, number>> = {};

  constructor(seed: number) {
    this.#seed = seed;
  }

  get weather(): Weather {
    return this.#weather;
  }

  /** Begins the next phase of the schedule. */
  turn(weather: Weather): void {
    this.#phase += 1;
    this.#calls.clear();
    this.#weather = weather;
  }

  draw(verb: Verb, key: string): Fate {
    const call = `${verb} ${this.#withoutChance(key)}`;
    const count = (this.#calls.get(call) ?? 0) + 1;
    this.#calls.set(call, count);
    const text = `${this.#seed} ${this.#phase} ${call} ${count}`;
    const random = seeded(fnv1a32(new TextEncoder().encode(text)));
    let roll = random.below(PARTS) / PARTS;
    for (const [fault, likelihood] of faultsOf(this.#weather, verb)) {
      if (roll < likelihood) {
        this.drawn[fault] = (this.drawn[fault] ?? 0) + 1;
        return { fault, random };
      }
      roll -= likelihood;
    }
    return { fault: undefined, random };
  }

  // Generations have random names: the first that is met is the first in each run.
  #withoutChance(key: string): string {
    return key.replace(/[0-9a-f]{16}/, (name) => {
      const number = this.#generations.get(name) ?? this.#generations.size;
      this.#generations.set(name, number);
      return `generation ${number}`;
    });
  }
}

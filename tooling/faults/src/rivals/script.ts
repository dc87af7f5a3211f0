// Who comes when to a race, and what happens to them: by seed.
import type { Random } from "../../../testkit/writers/random.ts";
import type { Contender } from "./contender.ts";
import type { SimStore } from "./sim-store.ts";
import { SimProcess, type World } from "./world.ts";

const MOST_PROCESSES = 12;

/** Starts a process. */
export type Begin = (process: SimProcess, takeOver: boolean) => Contender;

export class Script {
  pauses = 0;
  readonly #world: World;
  readonly #random: Random;
  readonly #ttlMs: number;
  readonly #contenders: Contender[] = [];
  readonly #cutOff = new Map<SimProcess, number>();
  #isCalm = false;
  #started = 0;

  constructor(world: World, store: SimStore, random: Random, ttlMs: number) {
    this.#world = world;
    this.#random = random;
    this.#ttlMs = ttlMs;
    store.isCutOff = (process) => !this.#isCalm && (this.#cutOff.get(process) ?? 0) > world.nowMs;
  }

  start(begin: Begin): void {
    const random = this.#random;
    const count = 2 + random.below(4);
    // Some start in the same instant, others while the first is at work.
    const together = random.below(2) === 0;
    for (let n = 0; n < count; n++) {
      const atMs = together && n < 3 ? random.below(20) : random.below(this.#ttlMs * 9);
      this.#world.after(atMs, undefined, () => this.#begin(begin));
    }
    this.#nextStrike(begin);
  }

  #begin(begin: Begin): void {
    const random = this.#random;
    const process = new SimProcess(this.#world, `p${this.#started++}`, `host${random.below(2)}`);
    const contender = begin(process, random.below(5) === 0);
    this.#contenders.push(contender);
    // Refused, it is started again by whoever looks after it, as long as there are not too many.
    contender.onEnd = () => {
      if (this.#started < MOST_PROCESSES && !this.#isCalm)
        this.#world.after(random.below(this.#ttlMs), undefined, () => this.#begin(begin));
    };
  }

  #nextStrike(begin: Begin): void {
    const random = this.#random;
    this.#world.after(this.#ttlMs * 0.2 + random.below(this.#ttlMs * 2), undefined, () => {
      const alive = this.#contenders.filter(({ process }) => !process.isDead);
      const holder = alive.find(({ believes }) => believes);
      const victim = random.below(3) > 0 && holder !== undefined ? holder : alive[random.below(alive.length)];
      if (victim !== undefined) this.#strike(victim, begin);
      if (!this.#isCalm) this.#nextStrike(begin);
    });
  }

  #strike(contender: Contender, begin: Begin): void {
    const { process } = contender;
    const random = this.#random;
    const whileMs = random.below(this.#ttlMs * random.pick([1, 3, 5]));
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        this.pauses++;
        return process.pause(whileMs);
      case 4:
      case 5:
        this.#cutOff.set(process, this.#world.nowMs + whileMs);
        return;
      case 6:
        process.isDead = true;
        // Its supervisor starts another one on the same host.
        if (random.below(3) > 0) this.#world.after(random.below(2000), undefined, () => this.#begin(begin));
        return;
      default:
        if (process.pausedUntilMs <= this.#world.nowMs) contender.stop();
    }
  }

  calm(): void {
    this.#isCalm = true;
  }
}

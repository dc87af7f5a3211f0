// One seeded race: processes start, pause, are cut off, killed and stopped, over a bad network; and what must hold at every
// moment of it.
import { seeded, type Random } from "../../../testkit/writers/random.ts";
import { Contender, type ContenderOptions } from "./contender.ts";
import { Judge } from "./judge.ts";
import { Script } from "./script.ts";
import { SimStore, type Weather } from "./sim-store.ts";
import { World } from "./world.ts";

/** What is broken on purpose, to see that it is caught. */
export interface Broken {
  readonly host?: ContenderOptions["broken"]["host"];
  readonly withoutFence?: boolean;
  readonly ignoresCondition?: (key: string) => boolean;
}

export interface RaceResult {
  readonly seed: number;
  /** What was broken, if anything: the first of each kind, with the virtual time. */
  readonly violations: readonly string[];
  readonly figures: RaceFigures;
}

export interface RaceFigures {
  readonly processes: number;
  /** How often the lease was had. */
  readonly owners: number;
  readonly requests: number;
  readonly lateArrivals: number;
  readonly pauses: number;
  readonly acknowledged: number;
  readonly refusals: number;
}

export async function race(seed: number, broken: Broken = {}): Promise<RaceResult> {
  const random = seeded(seed);
  const world = new World();
  const ttlMs = random.pick([2000, 6000, 30_000]);
  const store = new SimStore(world, random, weatherOf(random, ttlMs));
  if (broken.ignoresCondition !== undefined) store.ignoresCondition = broken.ignoresCondition;
  // A snapshot that comes in late changes no history, but makes its own the newest one by date. Not raced: see "The lease" in
  // docs/how-it-works.md.
  store.mayBeHeld = (key) => !key.includes("/snapshots/");
  const judge = new Judge(world, store);
  const script = new Script(world, store, random, ttlMs);
  script.start((process, takeOver) => {
    const contender = new Contender({ process, store, random, ttlMs, takeOver, broken });
    judge.contenders.push(contender);
    contender.start();
    return contender;
  });
  await world.run(ttlMs * 12);
  script.calm();
  // Whoever is left renews, and everything that was held comes in.
  await world.run(ttlMs * 18);
  await judge.atEnd();
  const { contenders } = judge;
  return {
    seed,
    violations: judge.violations,
    figures: {
      processes: contenders.length,
      owners: contenders.filter(({ base }) => base !== undefined).length,
      requests: judge.requests,
      lateArrivals: judge.late,
      pauses: script.pauses,
      acknowledged: contenders.reduce((sum, { acknowledged, base }) => sum + acknowledged - (base?.length ?? 0), 0),
      refusals: contenders.filter(({ refusal }) => refusal !== undefined).length,
    },
  };
}

function weatherOf(random: Random, ttlMs: number): Weather {
  const isBad = random.below(3) > 0;
  const isSlow = random.below(5) === 0;
  return {
    latencyMs: isSlow ? Math.round(ttlMs * 0.3) : 5 + random.below(60),
    lostRequest: isBad ? random.below(30) : 0,
    lostAnswer: isBad ? random.below(40) : 0,
    unavailable: isBad ? random.below(60) : 0,
    held: random.pick([0, 50, 200]),
    heldMs: ttlMs * 3,
    timeoutMs: Math.round(ttlMs * 0.45),
    grainMs: random.pick([1, 1, 1000]),
  };
}

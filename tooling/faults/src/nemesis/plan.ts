// What happens in a trial, made from its seed alone: the settings, the phases of the store's weather, kills, restores.
import { type Random, seeded } from "@litewake-tooling/testkit/random";
import type { WriterOptions } from "@litewake-tooling/testkit";
import { type HonestFault, honestFaults, type Lie, lies, type Weather } from "./faults.ts";
import type { ReplicatorOptions } from "./replicator.ts";

export interface Phase {
  readonly name: string;
  readonly ms: number;
  readonly weather: Weather;
}

export interface TrialPlan {
  readonly seed: number;
  /** Whether the store breaks its contract at times, and does not only fail. */
  readonly lying: boolean;
  readonly clockGrainMs: number;
  readonly writer: WriterOptions;
  /** Another life in the same database, with schema changes and VACUUM; its seed. */
  readonly workload: number | undefined;
  readonly replicator: Omit<ReplicatorOptions, "databases" | "socket">;
  readonly phases: readonly Phase[];
  /** When the replicator is killed, and how long it stays away. Milliseconds from the begin. */
  readonly kills: readonly { readonly atMs: number; readonly downMs: number }[];
  /** When a restore through the nemesis is made, and whether with the wrapper's retries. */
  readonly restores: readonly { readonly atMs: number; readonly retry: boolean }[];
  readonly syncEveryMs: number;
  /** A request that failed may be done so much later. Retention's grace is longer, as in life (an hour). */
  readonly lateMs: number;
}

export const HANG_MS = 500;
export const FORGET_MS = 300;

type Mood = (random: Random) => Weather;

const some = (random: Random): number => (1 + random.below(30)) / 100;

function mixed(random: Random, faults: readonly (HonestFault | Lie)[], count: number): Weather {
  return Object.fromEntries(Array.from({ length: count }, () => [random.pick(faults), some(random)]));
}

const moods: Readonly<Record<string, Mood>> = {
  flaky: (random) => mixed(random, honestFaults, 5),
  down: () => ({ refused: 1 }),
  silent: () => ({ hung: 1 }),
  full: () => ({ full: 1 }),
  expired: () => ({ denied: 1 }),
  throttling: () => ({ throttled: 0.7 }),
  resetting: () => ({ cut: 0.6 }),
  unheard: () => ({ lost: 0.5 }),
  late: () => ({ late: 0.4, slow: 0.2 }),
  twofold: () => ({ twice: 0.5, slow: 0.3 }),
  calm: () => ({}),
};

const OFTEN = ["flaky", "flaky", "unheard", "late", "late", "twofold", "twofold", "resetting", "calm", "calm", "calm"];

const liesOf =
  (lie: Lie): Mood =>
  (random) => ({ ...mixed(random, honestFaults, 2), [lie]: 0.5 + some(random) });

const lyingMoods: Readonly<Record<string, Mood>> = Object.fromEntries(lies.map((lie) => [lie, liesOf(lie)]));

function phasesOf(random: Random, lying: boolean, totalMs: number): Phase[] {
  const phases: Phase[] = [];
  for (let left = totalMs; left > 0;) {
    const ms = Math.min(left, 100 + random.below(400));
    const all = lying && random.below(2) === 0 ? lyingMoods : moods;
    // While nothing gets through, nothing can go wrong either: most of the time something does.
    const name = random.pick(all === moods ? [...Object.keys(moods), ...OFTEN] : Object.keys(all));
    phases.push({ name, ms, weather: all[name]?.(random) ?? {} });
    left -= ms;
  }
  return phases;
}

/** `scale` makes the schedule longer. */
export function planOf(seed: number, scale = 1): TrialPlan {
  const random = seeded(seed);
  const lying = random.below(3) === 0;
  const totalMs = Math.round((1500 + random.below(1500)) * scale);
  const at = () => 200 + random.below(totalMs - 200);
  const putIfAbsent = random.below(4) > 0;
  // Long enough for another process to have begun meanwhile.
  const lateMs = random.pick([400, 400, 2500]);
  return {
    seed,
    lying,
    clockGrainMs: random.pick([1, 1, 1000]),
    writer: {
      rate: random.pick([50, 200, 600]),
      payloadBytes: random.pick([40, 400, 3000]),
      touchEvery: 1,
      autocheckpoint: random.pick([-1, -1, 20, 100]),
      synchronous: "off",
      ...(random.below(4) === 0 ? { checkpoint: random.pick(["TRUNCATE:150", "RESTART:90", "FULL:60"] as const) } : {}),
    },
    workload: random.below(3) === 0 ? random.below(1e6) : undefined,
    replicator: {
      putIfAbsent,
      retry: random.below(2) === 0,
      leaseMs: putIfAbsent && random.below(4) === 0 ? 6000 : 0,
      syncIntervalMs: random.pick([1, 20, 100]),
      snapshotIntervalMs: random.pick([100, 300, 700]),
      retentionMs: lateMs > 400 ? 20_000 : random.pick([900, 1500, 3000]),
      retentionCheckIntervalMs: 50,
      ...(random.below(5) === 0 ? { maxWalBytes: 1 << 20 } : {}),
      tuning: {
        moveEveryMs: 10,
        writeBackFromFrames: random.pick([10, 800]),
        rotateFromBytes: random.pick([1 << 15, 1 << 17, 1 << 20]),
        sealFromBytes: random.pick([1 << 18, 1 << 21, 1 << 26]),
        restAfterMs: random.pick([100, 10_000]),
      },
      hurry: 100,
    },
    phases: phasesOf(random, lying, totalMs),
    kills: Array.from({ length: random.below(4) }, () => ({ atMs: at(), downMs: random.pick([0, 0, 100, 300]) })),
    restores: Array.from({ length: 3 }, (_, n) => ({ atMs: at(), retry: n % 2 === 0 })),
    lateMs,
    syncEveryMs: random.pick([20, 50, 120]),
  };
}

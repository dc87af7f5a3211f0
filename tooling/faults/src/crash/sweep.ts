// Finds the points of each scenario by running it once, makes cases of them, and runs these.
import { type Random, seeded } from "../../../testkit/writers/random.ts";
import { type Case, type CaseResult, type Run, Score } from "./case.ts";
import { type Counts, formatPoint, type Phase, type Point } from "./point.ts";

export interface Scenario {
  readonly name: string;
  readonly run: Run;
  /** Kills in one case. */
  readonly lives: number;
}

export interface SweepOptions {
  readonly scenarios: readonly Scenario[];
  readonly seed: number;
  /** About so many points, over all scenarios. */
  readonly points: number;
  readonly workers: number;
  /** How many occurrences of a place are points of their own; see `occurrences`. Default: 4. */
  readonly density?: number | undefined;
  /** No case is begun after so long. Milliseconds. */
  readonly forMs?: number;
  readonly onResult?: (result: CaseResult) => void;
}

/** Occurrences of which each is a point of its own: each of the first `density`, then ever further apart. */
function* occurrences(count: number, density: number): Generator<number> {
  let step = 1;
  for (let n = 1; n <= count; n += step) {
    yield n;
    if (n >= density * step) step *= 2;
  }
}

/** Points of a scenario. What only a first life reaches is for the first life of a case. */
export interface Points {
  readonly first: readonly Point[];
  readonly later: readonly Point[];
}

/** All points of the lives counted, the first of which began with nothing; first occurrences before second ones. */
export function pointsOf(counts: readonly Counts[], random: Random, density = 4): Points {
  const [begun = {}, ...rest] = counts;
  const later = mostOf(rest.length === 0 ? [begun] : rest);
  const first = mostOf([begun]);
  for (const name of later.keys()) first.delete(name);
  return { first: inRounds(first, random, density), later: inRounds(later, random, density) };
}

function mostOf(counts: readonly Counts[]): Map<string, number> {
  const most = new Map<string, number>();
  for (const each of counts) {
    for (const [name, count] of Object.entries(each)) {
      // What is mostly done while it runs comes in a start or a stop by luck only.
      if (name.replace(/^(start|stop)/, "run") !== name && name.replace(/^(start|stop)/, "run") in each) continue;
      most.set(name, Math.max(count, most.get(name) ?? 0));
    }
  }
  return most;
}

// The nth occurrence of every place, before the n+1st of any.
function inRounds(most: ReadonlyMap<string, number>, random: Random, density: number): Point[] {
  const rounds: Point[][] = [];
  for (const [name, count] of most) {
    const [phase = "", at = ""] = name.split(/\/(.*)/);
    let round = 0;
    // The last of many may not come again.
    for (const occurrence of occurrences(count > 6 ? Math.floor(count * 0.7) : count, density))
      (rounds[round++] ??= []).push({ phase: phase as Phase, at, occurrence });
  }
  return rounds.flatMap((round) => shuffled(round, random));
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, at: random.below(1 << 30) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** What breaks off is a case that failed, too. */
export async function runCase(scenario: Scenario, what: Case): Promise<CaseResult> {
  try {
    return await scenario.run(what);
  } catch (error) {
    const score = new Score(what);
    score.violated(`broken off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return score.result(0);
  }
}

/** Runs each scenario once, without a kill, and answers its points and that run's result. */
export async function survey(
  scenario: Scenario,
  seed: number,
  density?: number,
): Promise<{ points: Points; result: CaseResult }> {
  const result = await runCase(scenario, { scenario: scenario.name, seed, points: [] });
  return { points: pointsOf(result.counts, seeded(seed), density), result };
}

export async function sweep(options: SweepOptions): Promise<CaseResult[]> {
  const { scenarios, seed, workers, forMs = Number.POSITIVE_INFINITY } = options;
  const started = performance.now();
  const results: CaseResult[] = [];
  const take = (result: CaseResult): void => {
    results.push(result);
    options.onResult?.(result);
  };
  const found = new Map<Scenario, Points>();
  await eachOf(scenarios, workers, async (scenario) => {
    const { points, result } = await survey(scenario, seed, options.density);
    take(result);
    found.set(scenario, points);
  });
  const cases = casesOf(found, options);
  await eachOf(cases, workers, async ({ scenario, ...what }) => {
    if (performance.now() - started < forMs) take(await runCase(scenario, { ...what, scenario: scenario.name }));
  });
  return results;
}

/** The points that there is room for, shared out fairly, in chains. */
function casesOf(found: ReadonlyMap<Scenario, Points>, { points: wanted, seed }: SweepOptions): PlannedCase[] {
  const random = seeded(seed);
  const byFew = [...found].sort(([, a], [, b]) => a.later.length - b.later.length);
  let left = wanted;
  const cases = byFew.flatMap(([scenario, points], n) => {
    const share = Math.ceil(left / (byFew.length - n));
    const chains = chainsOf(scenario, points, share, random);
    left -= chains.reduce((sum, chain) => sum + chain.length, 0);
    return chains.map((chain, number) => ({ scenario, seed: seed * 10_000 + number, points: chain }));
  });
  return shuffled(cases, random);
}

interface PlannedCase {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly points: readonly Point[];
}

function chainsOf({ lives }: Scenario, { first, later }: Points, share: number, random: Random): Point[][] {
  const full = Math.ceil(Math.min(share, first.length + later.length) / lives);
  // Where the later ones are used up, what is left of the share is cases with a first life and little else.
  const cases = Math.max(full, Math.min(first.length, share - later.length));
  const beginnings = first.slice(0, cases);
  const order = shuffled(later.slice(0, share - beginnings.length), random);
  const chains = Array.from({ length: cases }, (_, n) => beginnings.slice(n, n + 1));
  for (const chain of chains) chain.push(...order.splice(0, lives - chain.length));
  return chains.filter((chain) => chain.length > 0);
}

/** Names of points reached, each with its scenario: what counts as distinct. */
export function distinct(results: readonly CaseResult[]): { points: number; places: number } {
  const points = new Set<string>();
  const places = new Set<string>();
  for (const { case: what, reached } of results) {
    for (const point of reached) {
      points.add(`${what.scenario} ${formatPoint(point)}`);
      places.add(`${what.scenario} ${point.phase}/${point.at}`);
    }
  }
  return { points: points.size, places: places.size };
}

async function eachOf<T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

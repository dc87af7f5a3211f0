// Fuzzes one target: what runs new blocks of the sources is kept and changed further; what breaks a promise is told with the
// input that did it.
import { seeded } from "../../../testkit/writers/random.ts";
import { readCorpus } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { mutated } from "./mutate.ts";
import { Broken, type FuzzTarget } from "./target.ts";

/** So many inputs are run for each look at what they covered, which takes longer than most inputs. */
const BATCH = 64;
/** An input must end within this: a hundred times what the slowest takes. */
const SLOW_MS = 5000;
const MAX_KEPT = 4000;

export interface FuzzOptions {
  readonly seed: number;
  readonly ms: number;
}

export interface FuzzFailure {
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface FuzzResult {
  readonly executions: number;
  /** Inputs that ran something new, beyond seeds and corpus. */
  readonly found: readonly Uint8Array[];
  readonly blocks: number;
  readonly failure: FuzzFailure | undefined;
}

/** Runs one input; what it broke, if anything. */
export async function attempt(target: FuzzTarget, input: Uint8Array): Promise<FuzzFailure | undefined> {
  const began = performance.now();
  try {
    await target.run(input);
  } catch (error) {
    return { input, error };
  }
  const took = performance.now() - began;
  return took > SLOW_MS ? { input, error: new Broken(`it took ${Math.round(took)} ms`) } : undefined;
}

export async function fuzz(target: FuzzTarget, { seed, ms }: FuzzOptions): Promise<FuzzResult> {
  using coverage = new Coverage();
  const random = seeded(seed);
  const kept: Uint8Array[] = [...target.seeds(), ...readCorpus(target.name)];
  const found: Uint8Array[] = [];
  let executions = 0;
  const run = async (input: Uint8Array): Promise<FuzzFailure | undefined> => {
    executions += 1;
    return attempt(target, input);
  };
  const result = (failure?: FuzzFailure): FuzzResult => ({ executions, found, blocks: coverage.size, failure });
  for (const input of kept) {
    const failure = await run(input);
    if (failure !== undefined) return result(failure);
  }
  coverage.isNew();
  for (const until = performance.now() + ms; performance.now() < until;) {
    const batch = Array.from({ length: BATCH }, () =>
      mutated(random.pick(kept), random, kept, target.words).subarray(0, target.most),
    );
    for (const input of batch) {
      const failure = await run(input);
      if (failure !== undefined) return result(failure);
    }
    if (!coverage.isNew() || kept.length >= MAX_KEPT) continue;
    // Which of them it was does not matter much: all of them lead near.
    kept.push(...batch.filter(() => random.below(16) === 0));
    found.push(...batch.slice(0, 1));
  }
  return result();
}

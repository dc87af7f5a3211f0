// `npm run faults -- encryption [--seeds N] [--from S] [--seed S]`: encrypted objects, by seed.
import { parseArgs } from "node:util";
import { keyPairs, trial, type Verdict } from "./trial.ts";

const PAIRS = 5;

/** One after the other. */
export async function runSeeds(seeds: readonly number[]): Promise<Verdict[]> {
  const pairs = await keyPairs(PAIRS);
  const verdicts: Verdict[] = [];
  for (const seed of seeds) verdicts.push(await trial(seed, pairs));
  return verdicts;
}

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
    },
  });
  const from = Number(values.from);
  const many = Array.from({ length: Number(values.seeds) }, (_, n) => from + n);
  const begun = performance.now();
  const verdicts = await runSeeds(values.seed === undefined ? many : [Number(values.seed)]);
  const failed = verdicts.filter(({ problems }) => problems.length > 0);
  for (const { seed, problems } of failed) console.error(`seed ${seed}: ${problems.join("; ")}`);
  const cases = verdicts.reduce((sum, verdict) => sum + verdict.cases, 0);
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`encryption: ${verdicts.length} seeds, ${cases} cases, ${failed.length} seeds failed, ${seconds} s`);
  return failed.length;
}

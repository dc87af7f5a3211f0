// Trials of many seeds, some at a time.
import { planOf } from "./plan.ts";
import { Trial, type Verdict } from "./trial.ts";

/** Runs the seeds, so many at a time; hears of each verdict as it comes. */
export async function runSeeds(
  seeds: readonly number[],
  options: { readonly scale: number; readonly parallel: number; readonly onVerdict?: (verdict: Verdict) => void },
): Promise<Verdict[]> {
  const left = [...seeds];
  const verdicts: Verdict[] = [];
  const lane = async (): Promise<void> => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      const verdict = await new Trial(planOf(seed, options.scale)).run();
      verdicts.push(verdict);
      options.onVerdict?.(verdict);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, lane));
  return verdicts;
}

/** What failed, and how it is run again. */
export function describe({ seed, problems }: Verdict): string {
  return [`seed ${seed}: npm run faults -- nemesis --seed ${seed}`, ...problems.map((line) => `  ${line}`)].join("\n");
}

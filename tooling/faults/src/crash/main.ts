// `npm run faults -- crash`: kills everywhere.
import { parseArgs } from "node:util";
import type { CaseResult } from "./case.ts";
import { parsePoint } from "./point.ts";
import { report } from "./report.ts";
import { scenarios } from "./scenarios.ts";
import { runCase, sweep } from "./sweep.ts";

const USAGE = `usage: npm run faults -- crash [--points N] [--density N] [--seed N] [--workers N] [--minutes N] [--scenario NAME] [--only POINT[,POINT…]]
scenarios: ${scenarios.map(({ name }) => name).join(", ")}`;

/** Answers how many cases failed. */
export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      points: { type: "string", default: "1400" },
      density: { type: "string", default: "16" },
      seed: { type: "string", default: String(Math.floor(Date.now() / 1000) % 100_000) },
      workers: { type: "string", default: "2" },
      minutes: { type: "string", default: "60" },
      scenario: { type: "string" },
      only: { type: "string" },
    },
  });
  const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario);
  const [first] = chosen;
  if (first === undefined) throw new Error(USAGE);
  const seed = Number(values.seed);
  if (values.only !== undefined) {
    const points = values.only.split(",").map(parsePoint);
    const result = await runCase(first, { scenario: first.name, seed, points });
    return report([result]);
  }
  console.log(`crash sweep, seed ${seed}`);
  const started = performance.now();
  const results = await sweep({
    scenarios: chosen,
    seed,
    points: Number(values.points),
    density: Number(values.density),
    workers: Number(values.workers),
    forMs: Number(values.minutes) * 60_000,
    onResult: progress(),
  });
  return report(results, performance.now() - started);
}

/** A line now and then, and each failure at once. */
function progress(): (result: CaseResult) => void {
  let cases = 0;
  let killed = 0;
  return (result) => {
    cases++;
    killed += result.reached.length;
    if (result.violations.length > 0) report([result]);
    else if (cases % 20 === 0) console.log(`${cases} cases, ${killed} kills`);
  };
}

// `npm run faults -- nemesis [--seeds N] [--from S] [--seed S] [--scale X] [--parallel N]`: trials by seed.
import { parseArgs } from "node:util";
import { planOf } from "./plan.ts";
import { describe, runSeeds } from "./seeds.ts";

function sum(records: readonly Readonly<Partial<Record<string, number>>>[]): string {
  const total: Record<string, number> = {};
  for (const record of records)
    for (const [name, n] of Object.entries(record)) total[name] = (total[name] ?? 0) + (n ?? 0);
  const lines = Object.entries(total).map(([name, n]) => `${name} ${n}`);
  return lines.toSorted((a, b) => (a < b ? -1 : 1)).join(", ");
}

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: "string", default: "300" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      scale: { type: "string", default: "1" },
      parallel: { type: "string", default: "3" },
    },
  });
  const only = values.seed === undefined ? undefined : Number(values.seed);
  const from = Number(values.from);
  const seeds = only === undefined ? Array.from({ length: Number(values.seeds) }, (_, n) => from + n) : [only];
  const begun = performance.now();
  let judged = 0;
  const verdicts = await runSeeds(seeds, {
    scale: Number(values.scale),
    parallel: Number(values.parallel),
    onVerdict: (verdict) => {
      judged += 1;
      if (verdict.problems.length > 0) console.error(describe(verdict));
      if (judged % 25 === 0) console.log(`${judged} of ${seeds.length} seeds`);
      if (only !== undefined) {
        console.log(JSON.stringify(planOf(only, Number(values.scale)), undefined, 1));
        console.log(verdict.said.join("\n"));
      }
    },
  });
  const failed = verdicts.filter(({ problems }) => problems.length > 0);
  console.log(`faults drawn: ${sum(verdicts.map(({ drawn }) => drawn))}`);
  console.log(`figures: ${sum(verdicts.map(({ figures }) => figures))}`);
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`nemesis: ${verdicts.length} seeds, ${failed.length} failed, ${seconds} s`);
  return failed.length;
}

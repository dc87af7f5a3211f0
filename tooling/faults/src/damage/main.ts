// `npm run faults -- damage`: replicas with every kind of damage; the exact database, or a refusal.
import { parseArgs } from "node:util";
import { casesOf } from "./cases.ts";
import { litestreamShape, litewakeShape } from "./real-shapes.ts";
import { runCases } from "./run.ts";
import { madeShapes } from "./shapes.ts";

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: "string", default: "1" },
      each: { type: "string", default: "40" },
      pairs: { type: "string", default: "120" },
      only: { type: "string", default: "" },
    },
  });
  const seed = Number(values.seed);
  const shapes = [...madeShapes(seed), await litewakeShape(seed), await litestreamShape(seed)];
  const options = { seed, each: Number(values.each), pairs: Number(values.pairs) };
  const started = performance.now();
  const cases = [...casesOf(shapes, options)].filter(({ name }) => name.startsWith(values.only));
  console.log(`${cases.length} cases over ${shapes.length} shapes, seed ${seed}`);
  const tally = await runCases(cases);
  for (const failure of tally.failures) console.log(`BROKEN ${failure}`);
  for (const [name, outcomes] of tally.outcomes) {
    console.log(`${name.padEnd(22)} ${[...outcomes].map(([kind, times]) => `${kind} ${times}`).join(", ")}`);
  }
  for (const [why, times] of tally.unprovable) console.log(`could not be seen: ${why}: ${times}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${tally.cases} cases, ${tally.failures.length} broken, ${seconds} s`);
  return tally.failures.length;
}

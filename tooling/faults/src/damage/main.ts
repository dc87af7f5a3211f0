// `npm run faults -- damage`: replicas with every kind of damage; the exact database, or a refusal. With `--litestream` a
// sample of each class is given to both Litestreams too.
import { parseArgs } from "node:util";
import { type Case, casesOf } from "./cases.ts";
import { type Compared, compareAll } from "./litestream.ts";
import { judgeLtx } from "./ltx.ts";
import { litestreamShape, litewakeShape, ltxReplica } from "./real-shapes.ts";
import { comparisonTable, outcomeTable } from "./report.ts";
import { runCases } from "./run.ts";
import { madeShapes, type Shape } from "./shapes.ts";

const OPTIONS = {
  /** Draws the histories and the damage. The salts of the WALs are SQLite's own. */
  seed: { type: "string", default: "1" },
  /** Damages of each class on each shape, at most. */
  each: { type: "string", default: "40" },
  /** Two damages at once, on each shape. */
  pairs: { type: "string", default: "150" },
  /** Only cases whose name begins so: `shape/class/number`. */
  only: { type: "string", default: "" },
  litestream: { type: "boolean", default: false },
} as const;

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const seed = Number(values.seed);
  const shapes = [...madeShapes(seed), await litewakeShape(seed), await litestreamShape(seed)];
  if (values.litestream) return compare(shapes, seed);
  const all = casesOf(shapes, { seed, each: Number(values.each), pairs: Number(values.pairs) });
  const cases = [...all].filter(({ name }) => name.startsWith(values.only));
  console.log(`${cases.length} cases over ${shapes.length} shapes, seed ${seed}`);
  const started = performance.now();
  const tally = await runCases(cases);
  const ltx = await judgeLtx(await ltxReplica(seed));
  const failures = [...tally.failures, ...ltx.failures];
  for (const failure of failures) console.log(`BROKEN ${failure}`);
  console.log(outcomeTable(tally));
  console.log(`\n${ltx.cases} cases of a replica in LTX form, ${ltx.failures.length} broken`);
  for (const [why, times] of tally.unprovable) console.log(`could not be seen: ${why}: ${times}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${tally.cases + ltx.cases} cases, ${failures.length} broken, ${seconds} s`);
  if (failures.length > 0) console.log(`again: npm run faults -- damage --seed ${seed} --only NAME`);
  return failures.length;
}

/** One damage of each class on each shape, as far as it can be stored in files. */
async function compare(shapes: readonly Shape[], seed: number): Promise<number> {
  const cases = [...casesOf(shapes, { seed, each: 1, pairs: 1 })].filter(isStorable);
  const compared: Compared[] = [];
  for await (const one of compareAll(cases)) compared.push(one);
  console.log(comparisonTable(compared));
  return 0;
}

function isStorable({ damages }: Case): boolean {
  return damages.every(({ vanished }) => vanished === undefined);
}

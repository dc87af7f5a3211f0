// `npm run faults -- fuzz [--minutes N] [--target NAME] [--seed N] [--keep]`: fuzzes every target in turn, for N minutes in
// all. `--keep` adds what led further to the corpus.
import { parseArgs } from "node:util";
import { keepInput } from "./corpus.ts";
import { fuzz } from "./fuzz.ts";
import { targets } from "./targets.ts";

/** Of what led further, the corpus gets so many each time. */
const KEPT = 12;

export async function main(argv: readonly string[]): Promise<number> {
  const options = {
    minutes: { type: "string" },
    target: { type: "string" },
    seed: { type: "string" },
    keep: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ args: [...argv], options });
  const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
  if (chosen.length === 0) throw new Error(`no such target; there are ${targets.map(({ name }) => name).join(", ")}`);
  const seed = Number(values.seed ?? Date.now() % 0xffffffff);
  const ms = (Number(values.minutes ?? "10") * 60_000) / chosen.length;
  console.log(`seed ${seed}, ${Math.round(ms / 1000)} s a target`);
  let failures = 0;
  for (const target of chosen) {
    const began = performance.now();
    const { executions, found, blocks, failure } = await fuzz(target, { seed, ms });
    const rate = Math.round(executions / ((performance.now() - began) / 1000));
    console.log(
      `${target.name.padEnd(12)} ${executions} inputs (${rate}/s), ${found.length} led further, ${blocks} blocks`,
    );
    if (values.keep === true) for (const input of found.slice(0, KEPT)) keepInput(target.name, input);
    if (failure === undefined) continue;
    failures += 1;
    const { error } = failure;
    console.log(`${target.name}: BROKEN: ${error instanceof Error ? error.stack : String(error)}`);
    console.log(
      `  kept as ${keepInput(target.name, failure.input)}; repeat: npm run faults -- fuzz --target ${target.name} --seed ${seed}`,
    );
  }
  return failures;
}

// `npm run soak -- [--minutes N] [--seed S] [--databases N] [--out FOLDER]`: writes soak.json and soak.svg there.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { tempDir } from "@litewake-tooling/testkit";
import { curveOf } from "./curve.ts";
import { Soak } from "./soak.ts";

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      databases: { type: "string", default: "4" },
      out: { type: "string", default: "soak" },
    },
  });
  using folder = tempDir("soak");
  const seconds = Number(values.minutes) * 60;
  const options = { seed: Number(values.seed), seconds, databases: Number(values.databases) };
  const result = await new Soak({ folder: folder.path, ...options }).run();
  fs.mkdirSync(values.out, { recursive: true });
  fs.writeFileSync(path.join(values.out, "soak.json"), `${JSON.stringify({ ...options, ...result })}\n`);
  const title = `${options.databases} databases, ${values.minutes} minutes, a store that fails`;
  fs.writeFileSync(path.join(values.out, "soak.svg"), curveOf(result.samples, title));
  for (const { quantity, second, last, isFlat } of result.growth) {
    const what = `${quantity}: ${second.toFixed(1)} in the second quarter, ${last.toFixed(1)} in the last`;
    console.log(isFlat ? what : `${what}: NOT FLAT`);
  }
  for (const line of result.problems) console.error(line);
  if (result.problems.length > 0)
    console.error(`again: npm run soak -- --minutes ${values.minutes} --seed ${values.seed}`);
  console.log(`soak: ${JSON.stringify(result.figures)}, ${result.problems.length} problems, in ${values.out}/`);
  return result.problems.length;
}

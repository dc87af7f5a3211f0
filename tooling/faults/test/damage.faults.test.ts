// The quick form of `npm run faults -- damage`: some of every class of damage on every shape; and the judge at work.
import { restore } from "@litewake/core";
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { casesOf, CLASSES, TWO } from "../src/damage/cases.ts";
import type { Restorer } from "../src/damage/judge.ts";
import { judgeLtx } from "../src/damage/ltx.ts";
import { litestreamShape, litewakeShape, ltxReplica } from "../src/damage/real-shapes.ts";
import { runCases } from "../src/damage/run.ts";
import { madeShapes } from "../src/damage/shapes.ts";

const seed = 1;

describe(`a damaged replica (seed ${seed})`, () => {
  it("gives the exact database, or is refused and rescued as the refusal says, and nothing is left behind", async () => {
    const tally = await runCases(casesOf(madeShapes(seed), { seed, each: 1, pairs: 4 }));
    expect(tally.failures).toEqual([]);
    expect([...tally.outcomes.keys()].sort()).toEqual([...CLASSES.map(({ name }) => name), TWO].sort());
    expect(tally.cases).toBeGreaterThan(300);
  });

  it("that Litewake or Litestream 0.3.13 wrote, too", async () => {
    const shapes = await Promise.all([litewakeShape(seed), litestreamShape(seed)]);
    const tally = await runCases(casesOf(shapes, { seed, each: 2, pairs: 10 }));
    expect(tally.failures).toEqual([]);
    expect(tally.cases).toBeGreaterThan(80);
  });

  it("in Litestream 0.5's format is named for what it is", async () => {
    expect((await judgeLtx(await ltxReplica(seed))).failures).toEqual([]);
  });
});

describe("the judge sees", () => {
  const variants: readonly [string, Restorer, RegExp][] = [
    ["a page that is another", altered((file) => flip(file, 1500)), /never was/],
    ["a database that was cut", altered((file) => fs.truncateSync(file, fs.statSync(file).size - 512)), /never was/],
    ["a temporary file", altered((file) => fs.writeFileSync(`${file}.tmp`, "")), /left behind/],
    [
      "an older state without a word",
      async (request) => {
        const { bestEffort, ...result } = await restore({ ...request, bestEffort: true });
        return bestEffort === undefined || request.bestEffort !== true ? result : { ...result, bestEffort };
      },
      /exit 0 with/,
    ],
    [
      "another place than the state's",
      async (request) => {
        const result = await restore(request);
        return { ...result, position: { ...result.position, index: result.position.index + 1 } };
      },
      /never was/,
    ],
  ];

  it.each(variants)("%s", async (_, wrong, said) => {
    const shapes = madeShapes(seed).filter(({ name }) => name === "many-indexes");
    const { failures } = await runCases(casesOf(shapes, { seed, each: 1, pairs: 4 }), wrong);
    expect(failures.filter((failure) => said.test(failure)).length).toBeGreaterThan(3);
  });
});

function altered(change: (file: string) => void): Restorer {
  return async (request) => {
    const result = await restore(request);
    change(request.output);
    return result;
  };
}

function flip(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.writeFileSync(file, bytes);
}

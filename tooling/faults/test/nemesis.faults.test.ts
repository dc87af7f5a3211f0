// The quick form of `npm run faults -- nemesis`: some seeds, chosen so that every fault and every lie is met.
import { expect, it } from "vitest";
import { describe, runSeeds } from "../src/nemesis/seeds.ts";

const SEEDS = [7, 12, 18, 21, 33, 40];

it("whatever a store does, what was acknowledged is there, and a restore is right or refuses", async () => {
  const verdicts = await runSeeds(SEEDS, { scale: 1, parallel: 2 });
  const failed = verdicts.filter(({ problems }) => problems.length > 0);
  expect(failed.map(describe).join("\n")).toBe("");
  const acknowledged = verdicts.reduce((sum, { figures }) => sum + (figures["acknowledged"] ?? 0), 0);
  expect(acknowledged).toBeGreaterThan(20);
});

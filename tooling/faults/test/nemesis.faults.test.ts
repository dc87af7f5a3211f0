// The quick form of `npm run faults -- nemesis`: some seeds, chosen so that every fault and every lie is met.
import { expect, it } from "vitest";
import { planOf } from "../src/nemesis/plan.ts";
import { describe, runSeeds } from "../src/nemesis/seeds.ts";
import { Trial } from "../src/nemesis/trial.ts";

const SEEDS = [7, 12, 18, 21, 33, 40];

it("whatever a store does, what was acknowledged is there, and a restore is right or refuses", async () => {
  const verdicts = await runSeeds(SEEDS, { scale: 1, parallel: 2 });
  const failed = verdicts.filter(({ problems }) => problems.length > 0);
  expect(failed.map(describe).join("\n")).toBe("");
  const acknowledged = verdicts.reduce((sum, { figures }) => sum + (figures["acknowledged"] ?? 0), 0);
  expect(acknowledged).toBeGreaterThan(20);
});

it("a replicator that takes a failed put for an acknowledged one is found out", async () => {
  const plan = planOf(7);
  const phases = [
    { name: "calm", ms: 300, weather: {} },
    { name: "resetting", ms: 3000, weather: { cut: 0.5 } },
  ];
  const replicator = { ...plan.replicator, trusting: true, retry: false, leaseMs: 0, syncIntervalMs: 20 };
  const { problems } = await new Trial({ ...plan, phases, kills: [], restores: [], replicator }).run();
  expect(problems.join("\n")).toMatch(/acknowledged, but|a wrong database|healed/);
});

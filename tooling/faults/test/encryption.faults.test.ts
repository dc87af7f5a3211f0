// The quick form of `npm run faults -- encryption`: some seeds.
import { expect, it } from "vitest";
import { runSeeds } from "../src/encryption/main.ts";

it("an encrypted object comes back byte for byte, whole and in part, or is refused", async () => {
  const verdicts = await runSeeds(Array.from({ length: 20 }, (_, n) => n + 1));
  const failed = verdicts.filter(({ problems }) => problems.length > 0);
  expect(failed.map(({ seed, problems }) => `seed ${seed}: ${problems.join("; ")}`)).toEqual([]);
  expect(verdicts.reduce((sum, { cases }) => sum + cases, 0)).toBeGreaterThan(600);
});

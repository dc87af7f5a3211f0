// The quick form of `npm run faults -- crash`: the same engine, fewer occurrences.
import { describe, expect, it } from "vitest";
import { repetition } from "../src/crash/case.ts";
import { formatPoint, parsePoint } from "../src/crash/point.ts";
import { scenarios } from "../src/crash/scenarios.ts";
import { distinct, pointsOf, sweep } from "../src/crash/sweep.ts";
import { seeded } from "../../testkit/writers/random.ts";

/** More than are asserted: some depend on what two processes do at the same moment. */
const POINTS = 190;
const LEAST = 150;
const SEED = 1;

describe("a process killed with SIGKILL at a step of the protocol, or around a call to the store", () => {
  it(
    "loses nothing that was acknowledged, and what it leaves can be restored, at each of them",
    { timeout: 900_000 },
    async () => {
      const results = await sweep({ scenarios, seed: SEED, points: POINTS, workers: 2 });
      const broken = results.flatMap(({ case: what, violations }) =>
        violations.length === 0 ? [] : [...violations, repetition(what)],
      );
      expect(broken.join("\n")).toBe("");
      const { points, places } = distinct(results);
      process.stdout.write(`crash: killed at ${points} points, ${places} places\n`);
      expect(points).toBeGreaterThanOrEqual(LEAST);
    },
  );

  it("has a name for each point that leads back to it", () => {
    for (const text of ["run/put-segment.mid#3", "start/resume:read#1", "stop/stop:written-back#12"])
      expect(formatPoint(parsePoint(text))).toBe(text);
    expect(() => parsePoint("put-segment#3")).toThrow(/put-segment#3 is no point: they look like/);
  });

  it("takes rare places first, and of frequent ones some occurrences", () => {
    const counts = [
      { "run/look": 100, "start/generation:begun": 1 },
      { "run/look": 40, "start/look": 2 },
    ];
    const { first, later } = pointsOf(counts, seeded(1));
    expect(first.map(formatPoint)).toEqual(["start/generation:begun#1"]);
    expect(later[0]?.occurrence).toBe(1);
    expect(later.map(formatPoint)).not.toContain("start/look#1");
    expect(later.length).toBeGreaterThan(5);
  });
});

// The quick form of `npm run soak`: some seconds of it; and that its judge sees what grows.
import { tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { curveOf } from "../src/soak/curve.ts";
import { growth } from "../src/soak/flat.ts";
import type { Sample } from "../src/soak/samples.ts";
import { Soak } from "../src/soak/soak.ts";

/** An hour of samples whose memory and descriptors go as given. */
function hour(residentMb: (n: number) => number, descriptors: (n: number) => number): Sample[] {
  const rest = { lagSeconds: 0.3, diskMb: 5, objects: 200, life: 1 };
  return Array.from({ length: 400 }, (_, n) => ({
    seconds: n * 9,
    residentMb: residentMb(n),
    descriptors: descriptors(n),
    ...rest,
  }));
}

const notFlat = (samples: readonly Sample[]) =>
  growth(samples).flatMap(({ quantity, isFlat }) => (isFlat ? [] : [quantity]));

describe("the judge of a soak", () => {
  it("lets pass what goes up and down", () => {
    const wave = hour(
      (n) => 120 + 20 * Math.sin(n),
      (n) => 60 + (n % 5),
    );
    expect(notFlat(wave)).toEqual([]);
  });

  it("sees a leak of memory and one of descriptors", () => {
    const leak = hour(
      (n) => 120 + n / 3,
      (n) => 60 + n / 10,
    );
    expect(notFlat(leak)).toEqual(["residentMb", "descriptors"]);
  });
});

it("some seconds of writers, faults, kills, drills and restores leave everything in its place", async () => {
  using folder = tempDir("soak");
  const result = await new Soak({ folder: folder.path, seed: 3, seconds: 15, databases: 3 }).run();
  expect(result.problems).toEqual([]);
  expect(result.samples.length).toBeGreaterThan(5);
  expect(result.figures["kills"]).toBe(2);
  expect(curveOf(result.samples, "a soak")).toMatch(/^<svg .*<polyline/s);
});

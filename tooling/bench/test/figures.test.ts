// What a benchmark says of its rounds: medians, ratios round by round, and the honest last column.
import { describe, expect, it } from "vitest";
import { type Figure, median, Rounds } from "../src/figures.ts";
import { plotOf } from "../src/plots.ts";
import { tableOf } from "../src/report.ts";

function figure(litewake: readonly number[], other: readonly number[], value: number): Figure {
  const rounds = new Rounds();
  for (const one of litewake) rounds.add("litewake", one);
  for (const one of other) rounds.add("0.3.13", one);
  const about = { scenario: "s", what: "restore <fast>", unit: "s" };
  return rounds.figure(about, rounds.ratio("0.3.13", "litewake"), { op: ">=", value, of: "× faster than 0.3.13" });
}

describe("rounds", () => {
  it("have a middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("are compared each with its own: a slow moment of the machine counts on both sides", () => {
    expect(figure([1, 10, 1], [2, 20, 2], 2)).toMatchObject({ judged: 2, reached: true });
    expect(figure([1, 1, 4], [2, 2, 4], 2.1)).toMatchObject({ judged: 2, reached: false });
  });

  it("that were not measured reach nothing", () => {
    expect(figure([], [1], 1).reached).toBe(false);
  });
});

describe("the table", () => {
  it("says what must be reached, what was, and whether that is so", () => {
    const [, , yes, no] = tableOf([figure([1], [3], 2), figure([1], [1.5], 2)]).split("\n");
    expect(yes).toBe("| restore <fast> | s |  | 1.00 | 3.00 |  | ≥ 2 × faster than 0.3.13 | 3.00 | yes |");
    expect(no).toMatch(/\| 1\.50 \| \*\*no\*\* \|$/);
  });
});

describe("the plot", () => {
  it("draws a bar for each side, as long as its figure, and nothing where there is nothing to compare", () => {
    const plot = plotOf([figure([1], [2], 2)]) ?? "";
    const widths = [...plot.matchAll(/width="([\d.]+)" height="18"/g)].map(([, width]) => Number(width));
    expect(widths).toHaveLength(2);
    expect((widths[1] ?? 0) / (widths[0] ?? 0)).toBeCloseTo(2);
    expect(plot).toContain("restore &lt;fast>");
    expect(plotOf([figure([1], [], 2)])).toBeUndefined();
  });
});

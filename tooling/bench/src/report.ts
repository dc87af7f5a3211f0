// The table of a run.
import type { Figure, Side } from "./figures.ts";

export const SIDES: readonly Side[] = ["alone", "litewake", "0.3.13", "0.5.17"];

/** Three digits that count. */
export function formatFigure(value: number | undefined): string {
  if (value === undefined) return "";
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

/** Markdown: the middle of all rounds, what must be reached, what was, and whether that is so. */
export function tableOf(figures: readonly Figure[]): string {
  const header = ["what", "unit", ...SIDES, "must reach", "measured", "reached"];
  const rows = figures.map(({ what, unit, medians, judged, bound, reached }) => [
    what,
    unit,
    ...SIDES.map((side) => formatFigure(medians[side])),
    `${bound.op === "<=" ? "≤" : "≥"} ${bound.value} ${bound.of}`,
    formatFigure(judged),
    reached ? "yes" : "**no**",
  ]);
  const lines = [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return lines.join("\n");
}

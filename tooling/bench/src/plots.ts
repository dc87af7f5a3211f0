// Draws the figures of a run: `node tooling/bench/src/plots.ts RESULTS.json FOLDER` writes one SVG for each scenario.
import fs from "node:fs";
import path from "node:path";
import { svgDocument, svgText } from "@litewake-tooling/testkit/svg";
import type { Figure, Side } from "./figures.ts";
import { formatFigure, SIDES } from "./report.ts";

const WIDTH = 720;
const LABEL_WIDTH = 80;
const BAR_HEIGHT = 18;
const GAP = 6;
const TITLE_HEIGHT = 26;
const COLOURS: Readonly<Record<Side, string>> = {
  alone: "#8a8f98",
  litewake: "#0a7f5a",
  "0.3.13": "#c47f17",
  "0.5.17": "#9a3b2e",
};

/** Bars of all figures that have something to compare; `undefined` where none has. */
export function plotOf(figures: readonly Figure[]): string | undefined {
  const shown = figures.filter(({ medians }) => Object.keys(medians).length > 1);
  if (shown.length === 0) return undefined;
  const parts: string[] = [];
  let y = 10;
  for (const { what, unit, medians } of shown) {
    y += TITLE_HEIGHT;
    parts.push(svgText(10, y - 8, `${what} (${unit})`, "bold"));
    const largest = Math.max(...Object.values(medians));
    for (const side of SIDES) {
      const value = medians[side];
      if (value === undefined) continue;
      const width = largest === 0 ? 1 : Math.max(1, ((WIDTH - LABEL_WIDTH - 110) * value) / largest);
      parts.push(
        svgText(10, y + 13, side),
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${COLOURS[side]}"/>`,
        svgText(LABEL_WIDTH + width + 6, y + 13, formatFigure(value)),
      );
      y += BAR_HEIGHT + GAP;
    }
  }
  return svgDocument(WIDTH, y + 10, parts);
}

if (import.meta.main) {
  const [results = "", folder = ""] = process.argv.slice(2);
  const { figures } = JSON.parse(fs.readFileSync(results, "utf8")) as { figures: Figure[] };
  fs.mkdirSync(folder, { recursive: true });
  for (const scenario of new Set(figures.map((figure) => figure.scenario))) {
    const plot = plotOf(figures.filter((figure) => figure.scenario === scenario));
    if (plot !== undefined) fs.writeFileSync(path.join(folder, `${scenario}.svg`), plot);
  }
}

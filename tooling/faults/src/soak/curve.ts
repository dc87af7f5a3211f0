// The curve of a soak: one panel a quantity, over time, with the moments at which the process was killed.
import { svgDocument, svgText } from "@litewake-tooling/testkit/svg";
import type { Sample } from "./samples.ts";

const WIDTH = 720;
const LEFT = 60;
const RIGHT = 20;
const PANEL = 90;
const GAP = 34;
const PANELS = [
  ["residentMb", "resident memory, MB"],
  ["descriptors", "open descriptors"],
  ["lagSeconds", "lag, s"],
  ["diskMb", "WALs, spools and state, MB"],
  ["objects", "objects in the replicas"],
] as const satisfies readonly (readonly [keyof Sample, string])[];

export function curveOf(samples: readonly Sample[], title: string): string {
  const end = samples.at(-1)?.seconds ?? 1;
  const x = (seconds: number) => LEFT + ((WIDTH - LEFT - RIGHT) * seconds) / end;
  const parts = [svgText(10, 20, title, "bold")];
  let top = 50;
  for (const [quantity, name] of PANELS) {
    const values = samples.map((sample) => sample[quantity]);
    const most = Math.max(1, ...values);
    const bottom = top + PANEL;
    const y = (value: number) => bottom - (PANEL * value) / most;
    const points = samples.map((sample) => `${x(sample.seconds).toFixed(1)},${y(sample[quantity]).toFixed(1)}`);
    parts.push(
      svgText(LEFT, top - 6, name),
      svgText(10, top + 10, shown(most)),
      svgText(10, bottom, "0"),
      `<path d="M${LEFT} ${top}V${bottom}H${WIDTH - RIGHT}" fill="none" stroke="#8a8f98"/>`,
      ...kills(samples).map(
        (at) => `<path d="M${x(at).toFixed(1)} ${top}V${bottom}" stroke="#9a3b2e" stroke-dasharray="2 3"/>`,
      ),
      `<polyline points="${points.join(" ")}" fill="none" stroke="#0a7f5a" stroke-width="1.5"/>`,
    );
    top = bottom + GAP;
  }
  parts.push(svgText(LEFT, top - 8, `0 to ${Math.round(end)} s; dashed: kill -9`));
  return svgDocument(WIDTH, top + 6, parts);
}

/** Where another process took over. */
function kills(samples: readonly Sample[]): number[] {
  return samples.filter((sample, n) => n > 0 && samples[n - 1]?.life !== sample.life).map(({ seconds }) => seconds);
}

function shown(value: number): string {
  return value >= 10 ? String(Math.round(value)) : value.toFixed(1);
}

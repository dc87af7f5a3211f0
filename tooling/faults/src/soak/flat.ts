// Whether a long run is flat at its end: nothing grows that should not.
import type { Sample } from "./samples.ts";

type Quantity = "residentMb" | "descriptors" | "lagSeconds" | "diskMb" | "objects";

/** By how much a median may have grown from the second to the last quarter: a factor, and something on top. */
const LIMITS: Readonly<Record<Quantity, readonly [factor: number, more: number]>> = {
  residentMb: [1.15, 16],
  descriptors: [1, 8],
  lagSeconds: [1.5, 5],
  diskMb: [1.5, 16],
  objects: [1.5, 100],
};

export interface Growth {
  readonly quantity: Quantity;
  readonly second: number;
  readonly last: number;
  readonly isFlat: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The medians of the second and the last quarter. */
export function growth(samples: readonly Sample[]): Growth[] {
  const quarter = Math.floor(samples.length / 4);
  return (Object.keys(LIMITS) as Quantity[]).map((quantity) => {
    const values = samples.map((sample) => sample[quantity]);
    const second = median(values.slice(quarter, 2 * quarter));
    const last = median(values.slice(-quarter));
    const [factor, more] = LIMITS[quantity];
    return { quantity, second, last, isFlat: last <= second * factor + more };
  });
}

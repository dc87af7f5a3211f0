// What a scenario finds, and how it is judged.
import type { ContenderName } from "./contenders.ts";

export type Side = ContenderName | "alone";

/** One line of the table. */
export interface Figure {
  readonly scenario: string;
  readonly what: string;
  readonly unit: string;
  /** The middle of all rounds, by side. */
  readonly medians: Readonly<Partial<Record<Side, number>>>;
  /** Every round, by side. */
  readonly rounds: Readonly<Partial<Record<Side, readonly number[]>>>;
  /** What Litewake's figure is held against: a ratio to another side's, or the figure itself. */
  readonly judged: number;
  readonly bound: Bound;
  readonly reached: boolean;
}

export interface Bound {
  readonly op: "<=" | ">=";
  readonly value: number;
  /** What is compared: "× alone", "× faster than 0.3.13", "ms". */
  readonly of: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Every round's figures of one measure, by side, as they come. */
export class Rounds {
  readonly #values = new Map<Side, number[]>();

  add(side: Side, value: number): void {
    const values = this.#values.get(side) ?? [];
    values.push(value);
    this.#values.set(side, values);
  }

  get all(): Partial<Record<Side, readonly number[]>> {
    return Object.fromEntries(this.#values);
  }

  median(side: Side): number {
    return median(this.#values.get(side) ?? []);
  }

  /** The middle of each round's own ratio: what a noisy machine did to one round it did to both sides. */
  ratio(of: Side, to: Side): number {
    const [left = [], right = []] = [this.#values.get(of), this.#values.get(to)];
    return median(left.map((value, n) => value / (right[n] ?? Number.NaN)));
  }

  /** The middle of each round's own difference. */
  difference(of: Side, to: Side): number {
    const [left = [], right = []] = [this.#values.get(of), this.#values.get(to)];
    return median(left.map((value, n) => value - (right[n] ?? Number.NaN)));
  }

  figure(about: Pick<Figure, "scenario" | "what" | "unit">, judged: number, bound: Bound): Figure {
    const medians = Object.fromEntries([...this.#values].map(([side, values]) => [side, median(values)]));
    const reached = bound.op === "<=" ? judged <= bound.value : judged >= bound.value;
    return { ...about, medians, rounds: this.all, judged, bound, reached };
  }
}

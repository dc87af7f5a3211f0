// A fault, and what has to be true when it is over.
import type { World } from "./world.ts";

export interface Scenario {
  readonly name: string;
  /** Throws when a promise is broken. */
  readonly play: (world: World) => Promise<void>;
}

/** Scenarios by theme. */
export type Theme = readonly Scenario[];

export function scenario(name: string, play: Scenario["play"]): Scenario {
  return { name, play };
}

// A replica after something went wrong with it, and what is asked of it.
import type { RestoreTarget } from "@litewake/core";
import type { Objects, Vanished } from "./objects.ts";
import type { Shape } from "./shapes.ts";

export interface DamagedReplica {
  readonly shape: Shape;
  readonly objects: Objects;
  readonly vanished: Vanished;
  readonly target: RestoreTarget;
  /** How many things are wrong with it. */
  readonly damages: number;
}

// All that is fuzzed.
import { blocks, frames, proofs, walFrames } from "./byte-targets.ts";
import { ownObjects } from "./object-target.ts";
import { replicas } from "./replica-target.ts";
import { configurations, names, scalars, urls } from "./text-targets.ts";
import type { FuzzTarget } from "./target.ts";

export const targets: readonly FuzzTarget[] = [
  blocks,
  frames,
  walFrames,
  proofs,
  names,
  urls,
  scalars,
  configurations,
  ownObjects,
  replicas,
];

// What is killed.
import { runFleet } from "./scenarios/fleet.ts";
import { followKinds, runFollow } from "./scenarios/follow.ts";
import { runRestore } from "./scenarios/restore.ts";
import type { Scenario } from "./sweep.ts";

export const scenarios: readonly Scenario[] = [
  ...Object.entries(followKinds).map(([name, kind]): Scenario => ({
    name,
    lives: 5,
    run: (what) => runFollow(kind, what),
  })),
  { name: "restore", lives: 6, run: runRestore },
  { name: "fleet", lives: 5, run: runFleet },
];

// Runs cases one after the other and counts what came of them.
import { memoryBackedDir } from "@litewake-tooling/testkit";
import { type Case, damagedReplica } from "./cases.ts";
import { judge, type Restorer } from "./judge.ts";
import { shownTarget } from "./target.ts";

export interface Tally {
  /** By class of damage, by outcome. */
  readonly outcomes: Map<string, Map<string, number>>;
  /** Why something could not be seen, how often. */
  readonly unprovable: Map<string, number>;
  readonly failures: string[];
  cases: number;
}

export async function runCases(cases: Iterable<Case>, by?: Restorer): Promise<Tally> {
  const tally: Tally = { outcomes: new Map(), unprovable: new Map(), failures: [], cases: 0 };
  using folder = memoryBackedDir(64 << 20, "damage");
  for (const one of cases) {
    const outcome = await judge(damagedReplica(one), folder.path, by);
    tally.cases += 1;
    count(nested(tally.outcomes, one.className), outcome.kind);
    if (outcome.kind === "unprovable") count(tally.unprovable, outcome.why);
    if (outcome.kind === "broken") {
      const what = one.damages.map((damage) => damage.what).join("; ");
      tally.failures.push(`${one.name} (${shownTarget(one.target)}): ${what}\n    ${outcome.why}`);
    }
  }
  return tally;
}

function nested(map: Map<string, Map<string, number>>, key: string): Map<string, number> {
  const inner = map.get(key) ?? new Map<string, number>();
  map.set(key, inner);
  return inner;
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

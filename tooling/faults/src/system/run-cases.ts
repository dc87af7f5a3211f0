// Plays cases, some at the same time, in a mount namespace of this process alone: whatever a case leaves mounted is gone
// with it.
import { chmodSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { tempDir } from "@litewake-tooling/testkit";
import { seeded } from "../../../testkit/writers/random.ts";
import { Broken } from "./broken.ts";
import type { Scenario } from "./scenario.ts";
import { World } from "./world.ts";

export interface Case {
  readonly scenario: Scenario;
  readonly seed: number;
}

export interface Verdict {
  readonly name: string;
  readonly seed: number;
  readonly ok: boolean;
  readonly ms: number;
  readonly why?: string;
}

const CASE_MS = 600_000;

export async function play({ scenario, seed }: Case, long: boolean): Promise<Verdict> {
  const begun = performance.now();
  const verdict = (ok: boolean, why?: string): Verdict => {
    const ms = Math.round(performance.now() - begun);
    return { name: scenario.name, seed, ok, ms, ...(why === undefined ? {} : { why }) };
  };
  using folder = tempDir(`system-${scenario.name}`);
  // Others than root come in too.
  chmodSync(folder.path, 0o755);
  try {
    await using world = new World(folder.path, seeded(seed * 7919 + hashOf(scenario.name)), long);
    const late = sleep(CASE_MS, undefined, { ref: false }).then(() => {
      throw new Broken(`no end after ${CASE_MS} ms`);
    });
    await Promise.race([scenario.play(world), late]);
    return verdict(true);
  } catch (error) {
    const why = error instanceof Broken ? error.message : error instanceof Error ? (error.stack ?? "") : String(error);
    return verdict(false, why);
  }
}

/** Plays all, `jobs` at a time, and tells of each. */
export async function playAll(
  cases: readonly Case[],
  options: { readonly jobs: number; readonly long: boolean; readonly tell: (verdict: Verdict) => void },
): Promise<number> {
  const waiting = [...cases];
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const verdict = await play(next, options.long);
      if (!verdict.ok) failed++;
      options.tell(verdict);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  return failed;
}

function hashOf(text: string): number {
  let hash = 0;
  for (const letter of text) hash = (Math.imul(hash, 31) + (letter.codePointAt(0) ?? 0)) | 0;
  return hash >>> 0;
}

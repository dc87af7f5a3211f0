// Plays themes of `npm run faults -- system` in a process of their own, and shows each scenario as a test.
import path from "node:path";
import { ManagedProcess } from "@litewake-tooling/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import type { Verdict } from "../src/system/run-cases.ts";
import { THEMES } from "../src/system/themes.ts";

export const faultsProgram = path.join(import.meta.dirname, "../src/main.ts");
const CASE_MS = 200_000;

/** Some scenarios wait most of the time, so more of them run at once than there are processors. */
export function playThemes(...names: readonly string[]): void {
  let run: ManagedProcess;
  beforeAll(() => {
    const themes = names.flatMap((name) => ["--theme", name]);
    const args = [faultsProgram, "system", "--quick", "--seed", "1", "--jobs", "6", "--json", ...themes];
    run = new ManagedProcess(process.execPath, args);
    return () => run.kill9();
  });
  for (const theme of names) {
    describe.concurrent(`faults of ${theme}`, () => {
      it.for((THEMES[theme] ?? []).map(({ name }) => name))("%s", { timeout: CASE_MS }, async (name) => {
        const line = await run.waitFor(new RegExp(`^\\{"name":"${name}"`), CASE_MS);
        const verdict = JSON.parse(line) as Verdict;
        expect(verdict.why ?? "").toBe("");
        expect(verdict.ok).toBe(true);
      });
    });
  }
}

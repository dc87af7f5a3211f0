// Registers the kit's cases as vitest tests. vitest is the caller's own copy.
import { afterAll, describe, test } from "vitest";
import { runCase, selectCases } from "./run.ts";
import type { ConformanceOptions, Subject } from "./subject.ts";

export interface VitestConformanceOptions extends ConformanceOptions {
  /** Time for one case. Default 60,000. */
  readonly timeoutMs?: number;
}

/** One `describe` with one test a case; what is skipped shows as skipped, with its reason. */
export function describeConformance(subject: Subject, options: VitestConformanceOptions = {}): void {
  describe(`${subject.name} conforms`, () => {
    afterAll(async () => subject.cleanup?.());
    for (const testCase of selectCases(subject, options)) {
      test(`${testCase.id}: ${testCase.promise}`, { timeout: options.timeoutMs ?? 60_000 }, async (context) => {
        const result = await runCase(testCase, subject, options);
        if (result.outcome === "failed") throw result.error;
        if (result.outcome === "skipped") context.skip(result.reason);
      });
    }
  });
}

// Registers the kit's cases with node:test.
import { after, describe, test } from "node:test";
import { runCase, selectCases } from "./run.ts";
import type { ConformanceOptions, Subject } from "./subject.ts";

export interface NodeTestConformanceOptions extends ConformanceOptions {
  /** Time for one case. Default 60,000. */
  readonly timeoutMs?: number;
}

/** One `describe` with one test a case; what is skipped shows as skipped, with its reason. */
export function describeConformance(subject: Subject, options: NodeTestConformanceOptions = {}): void {
  void describe(`${subject.name} conforms`, () => {
    after(async () => subject.cleanup?.());
    for (const testCase of selectCases(subject, options)) {
      void test(`${testCase.id}: ${testCase.promise}`, { timeout: options.timeoutMs ?? 60_000 }, async (context) => {
        const result = await runCase(testCase, subject, options);
        if (result.outcome === "failed") throw result.error;
        if (result.outcome === "skipped") context.skip(result.reason);
      });
    }
  });
}

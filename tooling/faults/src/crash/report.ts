// The figures of a sweep, and what repeats its failures.
import { type CaseResult, repetition } from "./case.ts";
import { formatPoint } from "./point.ts";
import { distinct } from "./sweep.ts";

/** Prints; answers how many cases failed. */
export function report(results: readonly CaseResult[], elapsedMs?: number): number {
  const failed = results.filter(({ violations }) => violations.length > 0);
  for (const { case: what, violations } of failed) {
    for (const line of violations) console.log(`BROKEN ${what.scenario}: ${line}`);
    console.log(`  again: ${repetition(what)}`);
  }
  if (elapsedMs === undefined) return failed.length;
  const { points, places } = distinct(results);
  const sum = (of: (result: CaseResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  console.log(
    `${results.length} cases, ${sum(({ reached }) => reached.length)} kills at ${points} distinct points (${places} places)`,
  );
  console.log(
    `not reached: ${results.flatMap(({ case: { scenario }, missed }) => missed.map((point) => `${scenario} ${formatPoint(point)}`)).join(", ") || "none"}`,
  );
  console.log(`${sum((one) => one.restores)} restores, ${sum((one) => one.restoresByLitestream)} by Litestream 0.3.13`);
  for (const [how, count] of tally(results.flatMap(({ continued }) => continued)))
    console.log(`${String(count).padStart(6)} went on: ${how}`);
  for (const [reason, count] of tally(results.flatMap(({ beginnings }) => beginnings.map((one) => one.reason))))
    console.log(`${String(count).padStart(6)} new generations: ${reason}`);
  console.log(`${failed.length} cases broke a promise; ${Math.round(elapsedMs / 1000)} s`);
  return failed.length;
}

function tally(items: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}

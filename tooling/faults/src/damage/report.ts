// The tables of docs/damage.md, as the commands print them.
import type { Tally } from "./run.ts";
import { type Compared, type Verdict, VERDICTS } from "./litestream.ts";

const OUTCOMES = [
  "exact",
  "refused-and-rescued",
  "refused-and-named-more",
  "refused",
  "tail-lost",
  "unprovable",
  "broken",
] as const;

/** How often each class of damage ended how. */
export function outcomeTable({ outcomes }: Tally): string {
  const total = new Map<string, number>();
  const rows = [...outcomes].map(([name, counts]) => {
    for (const [kind, times] of counts) total.set(kind, (total.get(kind) ?? 0) + times);
    return outcomeRow(name, counts);
  });
  return table(["damage", "cases", ...OUTCOMES], [...rows, outcomeRow("all", total)]);
}

function outcomeRow(name: string, counts: ReadonlyMap<string, number>): string[] {
  const cells = OUTCOMES.map((kind) => counts.get(kind) ?? 0);
  return [name, String(cells.reduce((sum, times) => sum + times, 0)), ...cells.map(String)];
}

/** What each program made of the same replicas. */
export function comparisonTable(compared: readonly Compared[]): string {
  const programs = [...(compared[0]?.verdicts.keys() ?? [])];
  const classes = [...new Set(compared.map(({ one }) => one.className))];
  const rows = [...classes, "all"].map((name) => {
    const own = compared.filter(({ one }) => name === "all" || one.className === name);
    return [
      name,
      String(own.length),
      ...programs.map((program) => counted(own.flatMap(({ verdicts }) => verdicts.get(program) ?? []))),
    ];
  });
  return table(["damage", "cases", ...programs], rows);
}

function counted(verdicts: readonly Verdict[]): string {
  const parts = VERDICTS.map((verdict) => [verdict, verdicts.filter((one) => one === verdict).length] as const);
  return parts.flatMap(([verdict, times]) => (times === 0 ? [] : [`${times} ${verdict}`])).join(", ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return lines.join("\n");
}

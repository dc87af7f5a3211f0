// What a replicator costs the writer: transactions of two rows, with each replicator beside it and with none.
import fs from "node:fs";
import path from "node:path";
import { configure, type Contender, contenders, replicate } from "../contenders.ts";
import { type Bound, type Figure, Rounds, type Side } from "../figures.ts";
import { pause } from "../process.ts";
import { runWriter, type WriterFigures } from "../run-writer.ts";
import type { Run, Scenario } from "../scenario.ts";

interface Measures extends WriterFigures {
  /** Generations in the replica when the writer has ended: more than one, and moments in between cannot be restored. */
  readonly histories?: number;
}

const NAMES: Partial<Record<keyof Measures, string>> = {
  perSecond: "transactions",
  histories: "histories in the replica",
};
const UNITS: Partial<Record<keyof Measures, string>> = { perSecond: "tx/s", histories: "generations" };

/** One life of a database under the writer. */
async function write(folder: string, who: Contender | undefined, seconds: number, rate: number): Promise<Measures> {
  fs.mkdirSync(folder, { recursive: true });
  const database = path.join(folder, "bench.db");
  // The database is there before the replicator, and its first snapshot is over before the clock runs.
  await runWriter(database, { seconds: 0.2, rate: 0 });
  const place = { kind: "file", folder: path.join(folder, "replica") } as const;
  const running =
    who === undefined
      ? undefined
      : await replicate(
          who,
          configure(who, path.join(folder, "bench.yml"), [{ path: database, place }], { syncIntervalMs: 1000 }),
        );
  try {
    await pause(2000);
    const figures = await runWriter(database, { seconds, rate });
    // 0.5.17 has no generations.
    const generations = path.join(place.folder, "generations");
    return fs.existsSync(generations) ? { ...figures, histories: fs.readdirSync(generations).length } : figures;
  } finally {
    await running?.kill9();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function scenario(
  name: string,
  about: string,
  seconds: number,
  rate: number,
  bounds: Partial<Record<keyof Measures, Bound>>,
): Scenario {
  return {
    name,
    about,
    servers: false,
    async run({ rounds, folder, say }: Run): Promise<Figure[]> {
      const sides: [Side, Contender | undefined][] = [["alone", undefined]];
      for (const who of await contenders(["litewake", "0.3.13", "0.5.17"])) sides.push([who.name, who]);
      const measures = new Map<keyof Measures, Rounds>();
      for (let round = 0; round < rounds; round++) {
        for (const [side, who] of sides) {
          const figures = await write(path.join(folder, `${side}-${round}`), who, seconds, rate);
          for (const [measure, value] of Object.entries(figures) as [keyof Measures, number][]) {
            const found = measures.get(measure) ?? new Rounds();
            measures.set(measure, found);
            found.add(side, value);
          }
          say(
            `${side}: mean ${figures.mean.toFixed(3)} ms, p99 ${figures.p99.toFixed(3)}, p99.9 ${figures.p999.toFixed(3)}, max ${figures.max.toFixed(1)}, ${Math.round(figures.perSecond)} tx/s`,
          );
        }
      }
      return Object.entries(bounds).flatMap(([measure, bound]) => {
        const key = measure as keyof Measures;
        const found = measures.get(key);
        if (found === undefined || bound === undefined) return [];
        const unit = UNITS[key] ?? "ms";
        // A history that ends is no matter of the middle.
        const judged = key === "histories" ? Math.max(...(found.all.litewake ?? [])) : found.ratio("litewake", "alone");
        return [found.figure({ scenario: name, what: `${about}: ${NAMES[key] ?? measure}`, unit }, judged, bound)];
      });
    },
  };
}

const times = (op: Bound["op"], value: number): Bound => ({ op, value, of: "× alone" });

export const writeFull: Scenario = scenario("write-full", "write cost at full speed", 8, 0, {
  mean: times("<=", 0.95),
  perSecond: times(">=", 1.02),
  p99: times("<=", 1.2),
  p999: times("<=", 0.5),
  histories: { op: "<=", value: 1, of: "generation" },
});

export const writePaced: Scenario = scenario("write-300", "write cost at 300 tx/s", 10, 300, {
  mean: times("<=", 1.01),
  p99: times("<=", 1.05),
  max: times("<=", 1),
});

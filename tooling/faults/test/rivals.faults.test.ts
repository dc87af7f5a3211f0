// Two and more processes that want one replica: seeded races in virtual time, judged at every moment, and leases that are
// broken on purpose, each of which must be caught. The full form: `npm run faults -- rivals`.
import { describe, expect, it } from "vitest";
import { BROKEN } from "../src/rivals/broken.ts";
import { caught, races } from "../src/rivals/main.ts";

const RACES = 50;

describe("rivals", () => {
  it("race for one replica: one holds the lease at any moment, and no late request changes a restore", async () => {
    const lines: string[] = [];
    const { figures } = await races(1, RACES, (line) => lines.push(line));
    expect(lines).toEqual([]);
    // The races are races: the lease changes hands, processes pause, requests come in after their time.
    expect(figures.owners).toBeGreaterThan(RACES * 2);
    expect(figures.pauses).toBeGreaterThan(RACES);
    expect(figures.lateArrivals).toBeGreaterThan(RACES / 5);
    expect(figures.refusals).toBeGreaterThan(RACES);
    expect(figures.acknowledged).toBeGreaterThan(RACES * 20);
  });

  it.each(Object.entries(BROKEN))("are caught with %s", async (_name, { how, seen }) => {
    expect(await caught(how, seen, 60)).toBeDefined();
  });
});

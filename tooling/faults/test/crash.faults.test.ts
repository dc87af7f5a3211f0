// The quick form of `npm run faults -- crash`: the same engine, fewer occurrences.
import fs from "node:fs";
import { spawnWriter, tempDir } from "@litewake-tooling/testkit";
import { Replication, silent } from "@litewake/core";
import { file } from "@litewake/file";
import { describe, expect, it } from "vitest";
import { repetition, Score } from "../src/crash/case.ts";
import { formatPoint, parsePoint } from "../src/crash/point.ts";
import { ReplicaOracle } from "../src/crash/replica-oracle.ts";
import { scenarios } from "../src/crash/scenarios.ts";
import { distinct, pointsOf, sweep } from "../src/crash/sweep.ts";
import { seeded } from "../../testkit/writers/random.ts";

/** More than are asserted: some depend on what two processes do at the same moment. */
const POINTS = 200;
const LEAST = 150;
const SEED = 1;
describe("a process killed with SIGKILL at a step of the protocol, or around a call to the store", () => {
  it(
    "loses nothing that was acknowledged, and what it leaves can be restored, at each of them",
    { timeout: 900_000 },
    async () => {
      const results = await sweep({ scenarios, seed: SEED, points: POINTS, workers: 2 });
      const broken = results.flatMap(({ case: what, violations }) =>
        violations.length === 0 ? [] : [...violations, repetition(what)],
      );
      expect(broken.join("\n")).toBe("");
      const { points, places } = distinct(results);
      process.stdout.write(`crash: killed at ${points} points, ${places} places\n`);
      expect(points).toBeGreaterThanOrEqual(LEAST);
    },
  );

  it("is judged by an oracle that sees what is missing", async () => {
    using folder = tempDir("oracle");
    const database = folder.join("app.db");
    await using writer = await spawnWriter("node-sqlite", database, { rate: 50 });
    const client = await file.open({ url: `file://${folder.join("replica")}`, settings: {}, env: {} });
    const upkeep = { snapshotIntervalMs: 0, retentionMs: 0, retentionCheckIntervalMs: 3_600_000 };
    const replicas = [{ name: "0", client, syncIntervalMs: 10, ...upkeep }];
    const replication = await Replication.start({ logger: silent, databases: [{ path: database, replicas }] });
    for (let n = 1; n <= 5; n++) {
      await writer.reached(n * 3);
      await replication.sync();
    }
    const { lastSeq } = await writer.stop();
    await replication.stop();
    fs.mkdirSync(folder.join("restored"));
    const judged = async (acked: number): Promise<readonly string[]> => {
      const score = new Score({ scenario: "ship", seed: 1, points: [] });
      const oracle = new ReplicaOracle(client, 0, folder.join("restored"), score, 0);
      await oracle.judge([{ upTo: acked, atMs: [Date.now()] }], seeded(1));
      return score.result(1).violations.filter((line) => !line.includes("in the window"));
    };
    expect(await judged(lastSeq)).toEqual([]);
    expect((await judged(lastSeq + 1)).join()).toMatch(/acknowledged up to \d+, restored up to/);
    const names = fs.readdirSync(folder.join("replica"), { recursive: true, encoding: "utf8" });
    const segments = names.filter((name) => name.endsWith(".wal.lz4")).sort();
    fs.rmSync(folder.join("replica", segments.at(-1) ?? ""));
    expect((await judged(lastSeq)).join()).toMatch(/acknowledged up to \d+, restored up to/);
    fs.rmSync(folder.join("replica", segments.at(0) ?? ""));
    expect((await judged(lastSeq)).join()).toMatch(/RestoreRefusal|acknowledged up to/);
  });

  it("has a name for each point that leads back to it", () => {
    for (const text of ["run/put-segment.mid#3", "start/resume:read#1", "stop/stop:written-back#12"])
      expect(formatPoint(parsePoint(text))).toBe(text);
    expect(() => parsePoint("put-segment#3")).toThrow(/put-segment#3 is no point: they look like/);
  });

  it("takes rare places first, and of frequent ones some occurrences", () => {
    const counts = [
      { "run/look": 100, "start/generation:begun": 1 },
      { "run/look": 40, "start/look": 2 },
    ];
    const { first, later } = pointsOf(counts, seeded(1));
    expect(first.map(formatPoint)).toEqual(["start/generation:begun#1"]);
    expect(later[0]?.occurrence).toBe(1);
    expect(later.map(formatPoint)).not.toContain("start/look#1");
    expect(later.length).toBeGreaterThan(5);
  });
});

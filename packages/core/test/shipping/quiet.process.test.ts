// When the copy of a snapshot may begin: at once where nobody has written for a while, and with a commit to stand on where
// somebody writes.
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { memoryClient } from "@litewake/conformance";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { silent } from "../../src/logger.ts";
import { Replication } from "../../src/shipping/replication.ts";
import { type Step, watchSteps } from "../../src/steps.ts";

const HOUR_MS = 3_600_000;
let folder: TempDir;
let application: DatabaseSync;

beforeEach(() => {
  folder = tempDir("quiet");
  application = new DatabaseSync(folder.join("app.db"));
  application.exec("pragma journal_mode=wal; create table t(n integer primary key)");
});

afterEach(() => {
  watchSteps(undefined);
  application.close();
  folder[Symbol.dispose]();
});

const commit = () => application.exec("insert into t default values");

/** The steps from the beginning of the first generation until its snapshot's copy begins. */
async function stepsOfTheFreeze(onStep: (step: Step) => void): Promise<Step[]> {
  const steps: Step[] = [];
  watchSteps((step) => {
    steps.push(step);
    onStep(step);
  });
  const upkeep = { snapshotIntervalMs: 0, retentionMs: 0, retentionCheckIntervalMs: HOUR_MS };
  const replica = { name: "memory", client: memoryClient(), syncIntervalMs: 10, ...upkeep };
  const replication = await Replication.start({
    databases: [{ path: folder.join("app.db"), replicas: [replica] }],
    logger: silent,
  });
  await replication.sync();
  await replication.stop();
  return steps.slice(steps.indexOf("generation:begun"), steps.indexOf("snapshot:frozen"));
}

it.each(["without a WAL", "with one"])(
  "a database that nobody has written to for a while, %s, is frozen at the first look",
  async (how) => {
    commit();
    application.exec(`pragma wal_checkpoint(${how === "with one" ? "passive" : "truncate"})`);
    const past = new Date(Date.now() - 60_000);
    for (const suffix of ["", "-wal"]) fs.utimesSync(folder.join(`app.db${suffix}`), past, past);
    const steps = await stepsOfTheFreeze(() => {});
    // Some fifty where a commit is waited for in vain, six at the least.
    expect(steps.filter((step) => step === "bridge:seen").length).toBeLessThanOrEqual(3);
  },
);

it("one that was just written to is frozen on the next commit", async () => {
  commit();
  application.exec("pragma wal_checkpoint(truncate)");
  let begun = false;
  let seen = 0;
  const steps = await stepsOfTheFreeze((step) => {
    begun ||= step === "generation:begun";
    // After the look that found nothing, before the one that finds this.
    if (begun && step === "bridge:seen" && seen++ === 0) commit();
  });
  expect(steps).toContain("bridge:released");
});

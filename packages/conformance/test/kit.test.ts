// The kit tests itself: a right client passes every case, and each case catches the wrong client made for it.
import { afterAll, describe, expect, it } from "vitest";
import { conformanceCases, memoryClient, runCase, runConformance, type Subject } from "@litewake/conformance";
import { describeConformance } from "@litewake/conformance/vitest";
import { spoolingClient } from "./spooling-client.ts";
import { closeLeaks, rightDenied, wrongAborts, wrongEndings } from "./wrong/endings.ts";
import { wrongConcurrency, wrongConditional, wrongDeletes, wrongKeys, wrongSizes } from "./wrong/others.ts";
import { buffersWholeObjects, wrongPuts } from "./wrong/puts.ts";
import { wrongGets, wrongLists } from "./wrong/reads.ts";

const options = { bigBytes: 9_000_001, patienceMs: 300 };
const bigOptions = { ...options, bigBytes: 64 << 20 };

const wrongSubjects = [
  ...wrongPuts,
  ...wrongGets,
  ...wrongLists,
  ...wrongDeletes,
  ...wrongKeys,
  ...wrongSizes,
  ...wrongConcurrency,
  ...wrongConditional,
  ...wrongAborts,
  ...wrongEndings,
  buffersWholeObjects,
];

const right: Subject = { name: "a right client in memory", open: async () => memoryClient(), ...rightDenied };

afterAll(closeLeaks);

describeConformance(right, options);

it("a right client without conditional put passes every case that concerns it", async () => {
  const report = await runConformance({ ...right, open: async () => memoryClient({ putIfAbsent: false }) }, options);
  expect(report.results.filter(({ outcome }) => outcome === "failed")).toEqual([]);
  expect(report.results.filter(({ outcome }) => outcome === "skipped").map(({ id }) => id)).toEqual([
    "size.bounded-memory",
    "if-absent.one-winner",
    "if-absent.keeps-old",
    "if-absent.free",
  ]);
});

it("a client that streams passes the case of bounded memory", async () => {
  const report = await runConformance(
    { name: "spooling", open: spoolingClient },
    { ...bigOptions, only: ["size.bounded-memory"] },
  );
  expect(report).toMatchObject({ passed: 1, failed: 0, skipped: 0 });
});

describe("each case catches", () => {
  it.each(wrongSubjects)("$name by $caughtBy", async ({ subject, caughtBy }) => {
    const testCase = conformanceCases.find(({ id }) => id === caughtBy);
    if (testCase === undefined) throw new Error(`no case ${caughtBy}`);
    const result = await runCase(testCase, subject, caughtBy === "size.bounded-memory" ? bigOptions : options);
    await closeLeaks();
    expect(result.outcome).toBe("failed");
  });

  it("a wrong client for every case there is", () => {
    const caught = new Set(wrongSubjects.map(({ caughtBy }) => caughtBy));
    expect(conformanceCases.map(({ id }) => id).filter((id) => !caught.has(id))).toEqual([]);
  });
});

describe("a run", () => {
  it("counts what was skipped, with the reason", async () => {
    const skips = { "list.pages": "it would take an hour" };
    const report = await runConformance({ ...right, skips }, { ...options, only: ["list.pages", "list.order"] });
    expect(report).toMatchObject({ passed: 1, failed: 0, skipped: 1 });
    expect(report.results.find(({ id }) => id === "list.pages")).toMatchObject({ reason: skips["list.pages"] });
  });

  it("refuses to skip a case that does not exist", async () => {
    await expect(runConformance({ ...right, skips: { "list.page": "typing mistake" } })).rejects.toThrow("list.page");
  });

  it("reports a client that cannot be opened as failed, and cleans up", async () => {
    let cleaned = 0;
    const broken: Subject = {
      name: "broken",
      open: () => Promise.reject(new Error("no route")),
      cleanup: async () => void (cleaned += 1),
    };
    const report = await runConformance(broken, options);
    expect(report.failed).toBe(conformanceCases.length);
    expect(cleaned).toBe(1);
  });

  it("closes every client that it opened", async () => {
    let open = 0;
    const counted: Subject = {
      name: "counted",
      open: async () => {
        open += 1;
        const client = memoryClient();
        let isOpen = true;
        client.close = async () => {
          if (isOpen) open -= 1;
          isOpen = false;
        };
        return client;
      },
    };
    await runConformance(counted, options);
    expect(open).toBe(0);
  });
});

it("every case has an id of its own and a promise", () => {
  expect(new Set(conformanceCases.map(({ id }) => id)).size).toBe(conformanceCases.length);
  for (const { id, promise } of conformanceCases) {
    expect(id).toMatch(/^[a-z-]+\.[a-z0-9-]+$/);
    expect(promise.length).toBeGreaterThan(20);
  }
});

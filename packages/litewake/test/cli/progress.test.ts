// What a restore shows while it runs and when it is done.
import type { ChosenPlan, RestoreResult } from "@litewake/core";
import { describe, expect, it } from "vitest";
import { ProgressLine, type Terminal } from "../../src/cli/progress.ts";
import { describePlan, progressLine, type ShownProgress, summaryLine } from "../../src/cli/restore-report.ts";

const MIB = 2 ** 20;
const half: ShownProgress = {
  phase: "fetch",
  bytesDone: 5 * MIB,
  bytesTotal: 10 * MIB,
  segmentsDone: 3,
  segmentsTotal: 7,
};
const CLEAR = "\r\u001b[2K";

/** What a terminal of that width was sent. */
function terminal(columns: number, isTTY = true): { stream: Terminal; sent: string[] } {
  const sent: string[] = [];
  return { stream: { isTTY, columns, write: (text) => sent.push(text) }, sent };
}

describe("the line of progress", () => {
  it("has bytes, segments, rate and time left", () => {
    expect(progressLine(half, 2000)).toBe("fetching  5.0 MiB of 10.0 MiB  3 of 7 segments  2.5 MiB/s  2s left");
    expect(progressLine({ ...half, bytesTotal: 905 * MIB }, 1000)).toMatch(/ {2}3m0s left$/);
  });

  it("promises no time where none is known", () => {
    expect(progressLine(half, 0)).not.toContain("left");
    expect(progressLine({ ...half, bytesDone: 0 }, 1000)).not.toContain("left");
    for (const phase of ["apply", "check", "finish"])
      expect(progressLine({ ...half, phase }, 1000)).not.toContain("left");
  });

  it("is rewritten in its place, and taken away at the end", () => {
    const { stream, sent } = terminal(200);
    const line = new ProgressLine(stream);
    line.show(half);
    line.clear();
    line.clear();
    expect(sent).toHaveLength(2);
    expect(sent[0]?.startsWith(`${CLEAR}fetching  5.0 MiB of`)).toBe(true);
    expect(sent[1]).toBe(CLEAR);
  });

  it("is written ten times a second at the most", () => {
    const { stream, sent } = terminal(200);
    using line = new ProgressLine(stream);
    const started = performance.now();
    let shown = 0;
    for (; performance.now() - started < 30; shown++) line.show(half);
    const most = 1 + Math.ceil((performance.now() - started) / 100);
    expect(shown).toBeGreaterThan(most);
    expect(sent.length).toBeLessThanOrEqual(most);
  });

  it("never wraps on a narrow terminal", () => {
    const { stream, sent } = terminal(20);
    new ProgressLine(stream).show(half);
    expect(sent[0]?.replace(CLEAR, "")).toHaveLength(19);
  });

  it("is not written where nobody watches", () => {
    const { stream, sent } = terminal(80, false);
    using line = new ProgressLine(stream);
    line.show(half);
    line.clear();
    expect(sent).toEqual([]);
  });
});

const result: RestoreResult = {
  stamp: { ino: "1", size: 8 * MIB, mtimeNs: "1" },
  replica: "s3",
  replicaUrl: "s3://b/p",
  position: { generation: "0123456789abcdef", index: 2, offset: 4152 } as RestoreResult["position"],
  snapshotIndex: 1,
  segments: 12,
  pages: 3,
  bytesFetched: 1536,
  bytesWritten: 8 * MIB,
  elapsedMs: 1234,
  moment: new Date("2026-11-24T03:04:05.678Z"),
  provenEnds: true,
  integrityCheck: "quick",
};

describe("the summary of a restore", () => {
  it("is one line: what came from where, up to which moment, how much, how long", () => {
    expect(summaryLine("/srv/app.db", result)).toBe(
      "restored /srv/app.db from s3 up to 0123456789abcdef/00000002:4152 (2026-11-24T03:04:05Z): " +
        "12 segments, 1.5 KiB fetched, 8.0 MiB written, 1.23 s",
    );
  });

  it("says what could not be proved", () => {
    expect(summaryLine("/srv/app.db", { ...result, provenEnds: false })).toMatch(
      /ends of its indexes could not be proved/,
    );
  });
});

describe("a plan", () => {
  const chosen = {
    replica: "s3",
    plan: {
      generation: "0123456789abcdef",
      snapshot: { key: "k", index: 1, size: 1000 },
      segmentCount: 12,
      bytes: 1536,
      moment: result.moment,
    },
  } as unknown as ChosenPlan;

  it("names objects, bytes and the moment reached", () => {
    expect(describePlan(chosen).text).toBe(
      "replica     s3\ngeneration  0123456789abcdef\nsnapshot    index 1\nsegments    12\n" +
        "to fetch    13 objects, 1.5 KiB\nreaches     2026-11-24T03:04:05Z\n",
    );
    expect(describePlan(chosen).json).toEqual({
      replica: "s3",
      generation: "0123456789abcdef",
      snapshotIndex: 1,
      segments: 12,
      objects: 13,
      bytes: 1536,
      moment: result.moment,
    });
  });
});

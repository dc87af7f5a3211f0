// What a hostile replica holds may be of any size; what a restore holds in memory is not. Each attack runs in a process of
// its own, whose peak is measured. Without the bounds the three that expand take 2.4 GB, 4.3 GB and 1.1 GB.
import path from "node:path";
import { runToEnd } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";

/** Node itself, with everything loaded, takes a hundred. */
const MOST_MEBIBYTES = 600;
const program = path.join(import.meta.dirname, "bombs.ts");

const expected: readonly (readonly [attack: string, message: RegExp | undefined])[] = [
  ["small segments that expand", /the index does not begin with a WAL header/],
  ["large segments that expand", /the index does not begin with a WAL header/],
  ["a snapshot that expands beyond what its proof says", /more than the 8192 plain bytes that its proof says/],
  ["frames of pages far apart", /the last commit says that the database has 4294967295 pages, where its snapshot and/],
  ["a million generations", /holds more than 100000 generations/],
  ["a million segments", undefined],
  ["a million snapshots", undefined],
  ["a million foreign names", undefined],
  ["a million points", undefined],
  ["a million databases", undefined],
  ["a manifest without end", /manifest\/00000001.json cannot be read/],
  ["a manifest of brackets", /manifest\/00000001.json cannot be read/],
  ["a point without end", /pins\/x.json cannot be read/],
];

describe("memory stays bounded by", () => {
  it.each(expected)("%s", { timeout: 120_000 }, async (attack, message) => {
    const args = ["--conditions=@litewake/source", "--disable-warning=ExperimentalWarning", program, attack];
    const { code, stdout, stderr } = await runToEnd(process.execPath, args, { timeoutMs: 110_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const end = JSON.parse(stdout) as { kind?: string; message?: string; mebibytes: number };
    expect(end.kind).toBe(message === undefined ? undefined : "damaged");
    if (message !== undefined) expect(end.message).toMatch(message);
    expect(end.mebibytes).toBeLessThan(MOST_MEBIBYTES);
  });
});

// Tables, times, lags and sizes as they are printed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBytes, formatLag, shortTime, table } from "../../src/cli/table.ts";

describe("a table", () => {
  it("pads each column but the last by two spaces", () => {
    const text = table(
      ["replica", "generation", "size"],
      [
        ["s3", "0123456789abcdef", "7"],
        ["a-long-name", "x", "1234"],
      ],
    );
    expect(text).toBe(
      "replica      generation        size\ns3           0123456789abcdef  7\na-long-name  x                 1234\n",
    );
  });

  it("without rows is its header", () => {
    expect(table(["path", "replicas"], [])).toBe("path  replicas\n");
  });

  it("counts characters, not units", () => {
    expect(table(["a", "b"], [["𝒳é", "1"]])).toBe("a   b\n𝒳é  1\n");
  });

  it("begins each column at one place in all rows", () => {
    const cell = fc.stringMatching(/^[a-z0-9]{1,20}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => {
        const lines = table(["one", "two", "three"], rows).trimEnd().split("\n");
        const starts = lines.map((line) => [...line.matchAll(/\S+/g)].map((match) => match.index).join());
        expect(new Set(starts).size).toBe(1);
      }),
    );
  });

  it("of many rows is no trouble", () => {
    expect(
      table(
        ["n"],
        Array.from({ length: 300_000 }, (_, i) => [String(i)]),
      ).length,
    ).toBeGreaterThan(300_000);
  });
});

describe("a time", () => {
  it("is RFC 3339 in UTC, whole seconds", () => {
    expect(shortTime(new Date("2026-11-24T05:04:03.999+02:00"))).toBe("2026-11-24T03:04:03Z");
  });
});

describe("a lag", () => {
  // The first four are the vectors of the format.
  it.each([
    [38_900, "38s"],
    [3970, "3.9s"],
    [12.3456, "12ms"],
    [-2550, "-2.5s"],
    [0, "0s"],
    [999, "999ms"],
    [1001, "1s"],
    [10_000, "10s"],
    [65_000, "1m5s"],
    [3_600_000, "1h0m0s"],
    [90_061_000, "25h1m1s"],
    [-61_000, "-1m1s"],
  ])("of %d ms is %s", (ms, text) => {
    expect(formatLag(ms)).toBe(text);
  });
});

describe("a number of bytes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [5 * 2 ** 20, "5.0 MiB"],
    [3 * 2 ** 30, "3.0 GiB"],
    [2 ** 50, "1024.0 TiB"],
  ])("%d is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

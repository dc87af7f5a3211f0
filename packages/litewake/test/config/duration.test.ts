// Durations in Go's own forms; what Go would read as nanoseconds is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration } from "../../src/config/duration.ts";

const HOUR_MS = 3_600_000;

describe("a duration", () => {
  it.each([
    ["1s", 1000],
    ["500ms", 500],
    ["1h30m", 1.5 * HOUR_MS],
    ["72h", 72 * HOUR_MS],
    ["1.5h", 1.5 * HOUR_MS],
    [".5s", 500],
    ["1.s", 1000],
    ["1us", 0.001],
    ["1µs", 0.001],
    ["1μs", 0.001],
    ["1500000ns", 1.5],
    ["1m1m", 120_000],
    ["+5s", 5000],
    ["-2m", -120_000],
    ["0", 0],
    ["+0", 0],
    ["0s", 0],
    ["1h0m0.25s", HOUR_MS + 250],
  ])("%s is %d ms, as in Go", (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9);
  });

  it.each([
    "",
    "1",
    "60",
    "s",
    "1 s",
    " 1s",
    "1s ",
    "1d",
    "1w",
    "1S",
    "one second",
    ".",
    ".s",
    "1h-2m",
    "--1s",
    "1,5s",
    "1e3s",
    "1s\n",
  ])("%j is refused", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it("comes back from what Go prints", () => {
    const unit = (most: number) => fc.integer({ min: 0, max: most });
    fc.assert(
      fc.property(unit(10_000), unit(59), unit(59), unit(999), fc.boolean(), (h, m, s, ms, negative) => {
        const text = `${negative ? "-" : ""}${h}h${m}m${s}s${ms}ms`;
        const value = h * HOUR_MS + m * 60_000 + s * 1000 + ms;
        // Not Object.is: minus zero is zero.
        return parseDuration(text) === (negative ? -value : value);
      }),
    );
  });

  it("never is anything but a finite number or refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from("0123456789.+-hmsnuµ ")) }), (text) => {
        const ms = parseDuration(text);
        return ms === undefined || Number.isFinite(ms);
      }),
    );
  });
});

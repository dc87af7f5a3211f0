// Sizes with decimal and binary units.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSize } from "../../src/config/size.ts";

describe("a size", () => {
  it.each([
    ["65536", 65_536],
    ["0", 0],
    ["10B", 10],
    ["1kB", 1000],
    ["500MB", 500e6],
    ["2 GB", 2e9],
    ["1TB", 1e12],
    ["1KiB", 1024],
    ["1.5 MiB", 1.5 * 2 ** 20],
    ["1GiB", 2 ** 30],
    ["1gib", 2 ** 30],
    ["2TiB", 2 ** 41],
    [" 1MiB ", 2 ** 20],
  ])("%j is %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "MiB", "1M", "1G", "1XB", "-1MB", "1..5MB", "1,5MB", "1e3", "1MB2", "constructor", "1constructor"])(
    "%j is refused",
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );

  it("without a unit is the number of bytes", () => {
    fc.assert(fc.property(fc.nat(), (bytes) => parseSize(String(bytes)) === bytes));
  });
});

// Keys that every store takes, and their order.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkKey, compareKeys, keyProblem, MAX_KEY_BYTES } from "../../src/backend.ts";

describe("a key", () => {
  it.each(["a", "a/b", ".hidden", "a..b", "...", "a b", "\u{1f600}", "a".repeat(MAX_KEY_BYTES)])("may be %s", (key) => {
    expect(keyProblem(key)).toBeUndefined();
  });

  it.each([
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/..",
    "../a",
    "a/./b",
    "a\0",
    "\ud800",
    "\udc00a",
    "a".repeat(MAX_KEY_BYTES + 1),
  ])("may not be %j", (key) => {
    expect(() => checkKey(key, "get")).toThrow(
      expect.objectContaining({ code: "InvalidConfig", operation: "get", key }),
    );
  });
});

it("keys are ordered as their UTF-8 bytes are", () => {
  const key = fc.string({ unit: "binary", maxLength: 6 });
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    {
      examples: [
        ["\uffee", "\u{10000}"],
        ["\ue000", "\u{1f600}"],
        ["a", "a/"],
        ["\u{1f600}", "\u{1f601}"],
      ],
    },
  );
});

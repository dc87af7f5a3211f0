// The command of `-exec`, split into words as a shell would, and nothing else that a shell does.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shellWords } from "../../src/cli/shell-words.ts";

describe("a command line", () => {
  it.each([
    ["", []],
    ["  \t ", []],
    ["app", ["app"]],
    ["litejoin run -c litejoin.yaml", ["litejoin", "run", "-c", "litejoin.yaml"]],
    ["  a \t b\nc ", ["a", "b", "c"]],
    ["'a b' c", ["a b", "c"]],
    ['"a b" c', ["a b", "c"]],
    ['a""b', ["ab"]],
    ["'' \"\"", ["", ""]],
    ["a'b'\"c\"d", ["abcd"]],
    [String.raw`a\ b`, ["a b"]],
    [String.raw`'a\b'`, [String.raw`a\b`]],
    [String.raw`"a\"b"`, ['a"b']],
    [String.raw`"a\nb"`, [String.raw`a\nb`]],
    [String.raw`"\$x"`, ["$x"]],
    [String.raw`\'`, ["'"]],
    ['"it\'s"', ["it's"]],
    ["$HOME `id` *.db | x > y && z; w", ["$HOME", "`id`", "*.db", "|", "x", ">", "y", "&&", "z;", "w"]],
  ])("%j is %j", (line, words) => {
    expect(shellWords(line)).toEqual(words);
  });

  it.each(["'open", '"open', "a 'b", String.raw`"a\"`])("%j has an open quote and is refused", (line) => {
    expect(() => shellWords(line)).toThrow(/open ['"] quote/);
  });

  it("that ends with a backslash is refused", () => {
    expect(() => shellWords("a \\")).toThrow(/backslash/);
  });

  it("gives back any words that were put into single quotes", () => {
    const quoted = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`;
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (words) => {
        expect(shellWords(words.map(quoted).join(" "))).toEqual(words);
      }),
    );
  });
});

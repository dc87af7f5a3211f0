// `$VAR` in a configuration: the vectors of Go's os.ExpandEnv, and properties.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandEnv } from "../../src/config/expand-env.ts";

const env = { HOME: "/root", USER: "gopher", _x9: "low", EMPTY: "", H: "one letter", "a b": "spaced", VALUE: "$HOME" };

describe("expanding a text", () => {
  it.each([
    ["", ""],
    ["plain", "plain"],
    ["$HOME", "/root"],
    ["${HOME}", "/root"],
    ["$HOME/x", "/root/x"],
    ["${HOME}x", "/rootx"],
    ["$HOMEx", ""],
    ["$H", "one letter"],
    ["${H}OME", "one letterOME"],
    ["a$USER-$USER.", "agopher-gopher."],
    ["$_x9!", "low!"],
    ["$9x", "x"],
    ["$12", "2"],
    ["now is the $time", "now is the "],
    ["[${UNSET}]", "[]"],
    ["$EMPTY|", "|"],
    ["$$", ""],
    ["$$HOME", "HOME"],
    ["$*$#$@$!$?$-$0", ""],
    ["${*}${0}${$}", ""],
    ["${}", ""],
    ["a${}b", "ab"],
    ["${}}", "}"],
    ["${", ""],
    ["${HOME", "HOME"],
    ["a ${ b", "a  b"],
    ["${a b}", "spaced"],
    ["$", "$"],
    ["cost 5$", "cost 5$"],
    ["$ $", "$ $"],
    ["$é", "$é"],
    ["$.", "$."],
    ["$=x", "$=x"],
    ['"$"', '"$"'],
    ["# a comment with $USER", "# a comment with gopher"],
    ["$constructor|${__proto__}|${toString}", "||"],
  ])("%j becomes %j, as in Go", (text, expanded) => {
    expect(expandEnv(text, env)).toBe(expanded);
  });

  it("puts a value in once: a variable in it stays", () => {
    expect(expandEnv("$VALUE", env)).toBe("$HOME");
  });

  it("leaves a text without a dollar as it is", () => {
    const text = fc.string({ unit: "binary" }).map((given) => given.replaceAll("$", ""));
    fc.assert(fc.property(text, (given) => expandEnv(given, env) === given));
  });

  it("replaces what a brace names, whatever stands around it", () => {
    const around = fc.string().map((given) => given.replaceAll("$", ""));
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
    fc.assert(
      fc.property(around, name, fc.string(), around, (before, key, value, after) => {
        expect(expandEnv(`${before}\${${key}}${after}`, { [key]: value })).toBe(before + value + after);
      }),
    );
  });

  it("ends for every text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from("${}aA1_* é")) }), (text) => {
        expect(expandEnv(text, {}).length).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

// Flags of the command line: Go's forms, anywhere in the line; mistakes come back as one line.
import { describe, expect, it } from "vitest";
import { describeFlags, type FlagSpecs, parseFlags, type ParsedArguments } from "../../src/cli/flags.ts";

const specs: FlagSpecs = {
  o: { kind: "string", value: "PATH", help: "output path" },
  replica: { kind: "string", value: "NAME", help: "only this replica" },
  "if-db-not-exists": { kind: "boolean", help: "keep what is there" },
  json: { kind: "boolean", help: "print JSON" },
};

function parsed(...args: string[]): ParsedArguments {
  const result = parseFlags("restore", specs, args);
  if ("mistake" in result) throw new Error(result.mistake);
  return result;
}

function mistake(...args: string[]): string | undefined {
  const result = parseFlags("restore", specs, args);
  return "mistake" in result ? result.mistake : undefined;
}

describe("a flag", () => {
  it.each([
    [["-o", "x.db", "a.db"]],
    [["--o", "x.db", "a.db"]],
    [["-o=x.db", "a.db"]],
    [["--o=x.db", "a.db"]],
    [["a.db", "-o", "x.db"]],
    [["a.db", "--o=x.db"]],
  ])("is understood in %j", (args) => {
    const flags = parsed(...args);
    expect(flags.string("o")).toBe("x.db");
    expect(flags.positional).toEqual(["a.db"]);
  });

  it("that is not given is undefined, or false", () => {
    const flags = parsed("a.db");
    expect(flags.string("o")).toBeUndefined();
    expect(flags.boolean("json")).toBe(false);
    expect(flags.help).toBe(false);
  });

  it("may have an empty value, and a value with equal signs, line breaks or a dash in front", () => {
    expect(parsed("-o=").string("o")).toBe("");
    expect(parsed("-o", "").string("o")).toBe("");
    expect(parsed("-o=a=b\nc").string("o")).toBe("a=b\nc");
    expect(parsed("-o", "-json").string("o")).toBe("-json");
  });

  it("that is given twice has its last value", () => {
    expect(parsed("-o", "1", "-o=2").string("o")).toBe("2");
  });

  it.each(["1", "t", "T", "true", "TRUE", "True"])("that is a switch may be said to be %s", (text) => {
    expect(parsed(`-json=${text}`).boolean("json")).toBe(true);
  });

  it.each(["0", "f", "F", "false", "FALSE", "False"])("that is a switch may be said to be %s", (text) => {
    expect(parsed("-json", `-json=${text}`).boolean("json")).toBe(false);
  });

  it("that is a switch takes no value from the next argument", () => {
    const flags = parsed("-json", "false");
    expect(flags.boolean("json")).toBe(true);
    expect(flags.positional).toEqual(["false"]);
  });

  it("that is a switch is neither yes nor maybe", () => {
    expect(mistake("-json=maybe")).toBe('flag -json: "maybe" is neither true nor false');
  });

  it("that lacks its value is one line with the next step", () => {
    expect(mistake("a.db", "-o")).toBe("flag -o needs a value: litewake restore -h");
  });

  it("that is not known is named with the likely one", () => {
    expect(mistake("--if-db-not-exist")).toBe("unknown flag -if-db-not-exist: did you mean -if-db-not-exists?");
    expect(mistake("-compression")).toBe("unknown flag -compression: litewake restore -h");
    expect(mistake("-constructor")).toBe("unknown flag -constructor: litewake restore -h");
  });
});

describe("two dashes", () => {
  it("end the flags", () => {
    const flags = parsed("-json", "--", "-o", "--", "x");
    expect(flags.positional).toEqual(["-o", "--", "x"]);
    expect(flags.string("o")).toBeUndefined();
    expect(flags.boolean("json")).toBe(true);
  });
});

describe("what is no flag", () => {
  it("is an argument: a lone dash, a negative number, an empty one", () => {
    expect(parsed("-", "-1", "").positional).toEqual(["-", "-1", ""]);
  });
});

describe("help", () => {
  it.each(["-h", "--h", "-help", "--help"])("is asked for by %s, anywhere", (flag) => {
    expect(parsed("a.db", flag).help).toBe(true);
  });

  it("lists every flag in one column and what it does in the next", () => {
    const lines = describeFlags(specs).split("\n");
    expect(lines).toEqual([
      "  -o PATH            output path",
      "  -replica NAME      only this replica",
      "  -if-db-not-exists  keep what is there",
      "  -json              print JSON",
    ]);
  });
});

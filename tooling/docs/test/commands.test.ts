// Finding the commands of a document.
import { describe, expect, it } from "vitest";
import { commandBlocks, scriptOf } from "./commands.ts";

const document = [
  "# Title",
  "",
  "```sh",
  "one",
  "two",
  "```",
  "",
  "```yaml",
  "dbs:",
  "```",
  "",
  "```",
  "plain",
  "```",
  "```sh",
  "three",
  "```",
  "",
].join("\n");

describe("the commands of a document", () => {
  it("are its sh blocks, with their lines", () => {
    expect(commandBlocks(document)).toEqual([
      { line: 3, text: "one\ntwo" },
      { line: 15, text: "three" },
    ]);
  });

  it("stand in the script in the lines of the document", () => {
    const lines = scriptOf(document).split("\n");
    expect([lines[3], lines[4], lines[15]]).toEqual(["one", "two", "three"]);
    expect(lines.join("")).toBe("onetwothree");
  });

  it("may hold fences inside a longer fence", () => {
    expect(commandBlocks("````sh\n```\n````\n")).toEqual([{ line: 1, text: "```" }]);
  });

  it("need the end of their block", () => {
    expect(() => commandBlocks("```sh\nx\n")).toThrow("line 1");
  });
});

// The quick form of `npm run faults -- fuzz`: all that is kept in the corpus, and a second of each target from one seed.
import { describe, expect, it } from "vitest";
import { readCorpus } from "../src/fuzz/corpus.ts";
import { attempt, fuzz } from "../src/fuzz/fuzz.ts";
import { Broken, type FuzzTarget, proveRefusal } from "../src/fuzz/target.ts";
import { targets } from "../src/fuzz/targets.ts";

const QUICK_MS = 800;

describe.each(targets.map((target) => ({ name: target.name, target })))("$name", ({ target }) => {
  it("keeps its promises with all that is in the corpus, and for a while beyond", async () => {
    expect(readCorpus(target.name).length).toBeGreaterThan(0);
    const { failure, executions } = await fuzz(target, { seed: 7, ms: QUICK_MS });
    expect(failure).toBeUndefined();
    expect(executions).toBeGreaterThan(target.seeds().length);
  });
});

describe("the fuzzer", () => {
  const faulty = (run: FuzzTarget["run"]): FuzzTarget => ({
    name: "faulty",
    seeds: () => [Buffer.from("LZ..")],
    words: [],
    most: 20,
    run,
  });

  it("finds a fault that one byte in a valid input triggers", async () => {
    const target = faulty((bytes) => {
      if (bytes[0] === 0x4c && bytes[1] === 0x5a && bytes[2] === 7) throw new TypeError("found");
    });
    const { failure } = await fuzz(target, { seed: 1, ms: 20_000 });
    expect(failure?.error).toBeInstanceOf(TypeError);
  });

  it("takes no refusal that is another's error, or more than a line", async () => {
    expect(() => proveRefusal(new TypeError("x is not a function"))).toThrow(TypeError);
    const multiline = Object.assign(new Error("a\nb"), { name: "LitewakeError", kind: "damaged" });
    expect(() => proveRefusal(multiline)).toThrow(Broken);
    const failure = await attempt(
      faulty(() => proveRefusal(multiline)),
      Buffer.from("x"),
    );
    expect(failure?.error).toBeInstanceOf(Broken);
  });
});

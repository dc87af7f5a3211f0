// The word somebody probably meant: near ones are found, strange ones are not guessed at.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { likely } from "../../src/config/likely.ts";

const keys = ["retention", "retention-check-interval", "sync-interval", "snapshot-interval", "name", "url", "path"];

describe("a likely word", () => {
  it.each([
    ["retension", "retention"],
    ["sync-intervall", "sync-interval"],
    ["sync_interval", "sync-interval"],
    ["snapshot-intervl", "snapshot-interval"],
    ["ulr", "url"],
    ["pth", "path"],
    ["nmae", "name"],
  ])("%s was meant to be %s", (word, meant) => {
    expect(likely(word, keys)).toBe(meant);
  });

  it("is not guessed when nothing is near", () => {
    expect(likely("compression-level", keys)).toBeUndefined();
    expect(likely("", ["replicate"])).toBeUndefined();
    expect(likely("nats", ["abs", "gcs"])).toBeUndefined();
    expect(likely("anything", [])).toBeUndefined();
  });

  it("is the nearest, not the first that would do", () => {
    expect(likely("wal", ["val1", "wall", "wal2x"])).toBe("wall");
  });

  it("is the word itself where that is among them", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1 }),
        fc.nat(),
        (words, at) => {
          const word = words[at % words.length] ?? "";
          return likely(word, words) === word;
        },
      ),
    );
  });
});

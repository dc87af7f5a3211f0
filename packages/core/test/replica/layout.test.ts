// Names of objects: the vectors of the format, and every name read back as it was written.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLtxKey, parseKey, segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import { formatPosition, type Generation, isGeneration, MAX_INDEX, newGeneration } from "../../src/replica/position.ts";

const generation = "fd6faaf1f3752b45" as Generation;

describe("a snapshot's name", () => {
  it.each([
    ["00000000.snapshot.lz4", 0],
    ["0000000a.snapshot.lz4", 10],
  ])("%s is index %i", (name, index) => {
    expect(parseKey(`generations/${generation}/snapshots/${name}`)).toEqual({ kind: "snapshot", generation, index });
  });

  it.each(["0000000A.snapshot.lz4", "0000000a.snapshot.lz4.tmp", "80000000.snapshot.lz4", ".x.tmp"])(
    "is not %s",
    (name) => {
      expect(parseKey(`generations/${generation}/snapshots/${name}`)).toBeUndefined();
    },
  );
});

describe("a segment's name", () => {
  it.each([
    ["00000001_00001038.wal.lz4", 1, 4152],
    // Nine digits: Litestream 0.3.13 writes such a name past 4 GiB and then does not see it.
    ["00000001_100000020.wal.lz4", 1, 4294967328],
  ])("%s is index %i, offset %i", (name, index, offset) => {
    expect(parseKey(`generations/${generation}/wal/${name}`)).toEqual({ kind: "segment", generation, index, offset });
  });

  it.each(["00000001.wal.lz4", "00000001_0.wal.lz4", "00000001_fffffffffffffffff.wal.lz4"])("is not %s", (name) => {
    expect(parseKey(`generations/${generation}/wal/${name}`)).toBeUndefined();
  });
});

it("every name is read back as it was written", () => {
  fc.assert(
    fc.property(fc.nat(MAX_INDEX), fc.nat(0xffffffff), (index, offset) => {
      const id = newGeneration();
      expect(parseKey(snapshotKey(id, index))).toEqual({ kind: "snapshot", generation: id, index });
      expect(parseKey(segmentKey(id, index, offset))).toEqual({ kind: "segment", generation: id, index, offset });
    }),
  );
});

it("no other text is taken for a name", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseKey(text)).toBeUndefined();
      expect(parseKey(`generations/${generation}/wal/${text}`)).toBeUndefined();
    }),
  );
});

it("a generation is sixteen lower-case hexadecimal digits", () => {
  expect(isGeneration("fd6faaf1f3752b45")).toBe(true);
  expect(isGeneration("FD6FAAF1F3752B45")).toBe(false);
  expect(isGeneration("fd6faaf1f3752b4")).toBe(false);
  expect(isGeneration(newGeneration())).toBe(true);
});

it("a position is printed as Litestream prints it", () => {
  expect(formatPosition({ generation, index: 10, offset: 4152 })).toBe("fd6faaf1f3752b45/0000000a:4152");
});

it("both layouts of the LTX form are recognised", () => {
  expect(isLtxKey("ltx/0/0000000000000001-000000000000000a.ltx")).toBe(true);
  expect(isLtxKey("0009/0000000000000001-000000000000000a.ltx")).toBe(true);
  expect(isLtxKey("generations/0000000000000001-000000000000000a.ltx")).toBe(false);
});

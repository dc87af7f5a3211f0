// What a restore would fetch, decided from a listing alone: holes refused, numbers ordered as numbers, targets as Litestream has them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObjectInfo } from "../../src/backend/client.ts";
import { catalogOf } from "../../src/replica/catalog.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { choosePlan, type RestorePlan } from "../../src/restore/plan.ts";

const generation = "fd6faaf1f3752b45" as Generation;
const other = "0123456789abcdef" as Generation;
const at = (second: number) => new Date(1_700_000_000_000 + second * 1000);
const object = (key: string, second: number): ObjectInfo => ({ key, size: 10, modifiedAt: at(second) });

/** Indexes 0 to n−1 with the given numbers of segments, one object a second, a snapshot first. */
function replica(segments: readonly number[], snapshots: readonly number[] = []): ObjectInfo[] {
  let second = 0;
  const objects = [object(snapshotKey(generation, 0), second)];
  segments.forEach((count, index) => {
    for (let part = 0; part < count; part++) objects.push(object(segmentKey(generation, index, part * 4152), ++second));
    if (snapshots.includes(index)) objects.push(object(snapshotKey(generation, index), ++second));
  });
  return objects;
}

const places = ({ segments: { table, first, end } }: RestorePlan) =>
  Array.from({ length: end - first }, (_, i) => [table.indexAt(first + i), table.offsetAt(first + i)]);

describe("a plan", () => {
  it("takes segments in the order of their numbers, also where names are of different widths", () => {
    const big = `generations/${generation}/wal/00000000_100000020.wal.lz4`;
    const objects = [
      object(snapshotKey(generation, 0), 0),
      object(big, 3),
      object(segmentKey(generation, 0, 0xffff_f000), 2),
      object(segmentKey(generation, 0, 0), 1),
    ];
    expect(places(choosePlan(catalogOf(objects)))).toEqual([
      [0, 0],
      [0, 0xffff_f000],
      [0, 0x1_0000_0020],
    ]);
  });

  it("does not depend on the order of the listing", () => {
    const objects = replica([3, 2, 4], [1]);
    const expected = places(choosePlan(catalogOf(objects)));
    fc.assert(
      fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
        expect(places(choosePlan(catalogOf(shuffled)))).toEqual(expected);
      }),
    );
  });

  it("begins at the newest snapshot and reaches the newest segment", () => {
    const plan = choosePlan(catalogOf(replica([2, 2, 2], [1])));
    expect(plan.snapshot.index).toBe(1);
    expect(plan.last).toEqual({ index: 2, offset: 4152 });
    expect(plan.bytes).toBe(50);
  });

  it("with any one segment gone is refused at its place, or ends before it", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), fc.nat(), (counts, draw) => {
        const objects = replica(counts);
        const segments = objects.slice(1);
        const gone = segments[draw % segments.length];
        if (gone === undefined) return;
        const left = objects.filter((candidate) => candidate !== gone);
        const [index, offset] = [Number.parseInt(gone.key.slice(-25, -17), 16), Number.parseInt(gone.key.slice(-16, -8), 16)];
        let reached: number[][] | undefined;
        let message = "";
        try {
          reached = places(choosePlan(catalogOf(left)));
        } catch (error) {
          message = String(error);
        }
        // The first segment of an index that others follow is missed in the listing. A later one is found by its bytes.
        const last = segments.at(-1) === gone || (offset === 0 && counts[index] === 1 && index === counts.length - 1);
        if (offset === 0 && !last) expect(message).toContain(`index=${index.toString(16).padStart(8, "0")}`);
        else expect(reached).not.toContainEqual([index, offset]);
      }),
    );
  });

  it("ignores what lies below its snapshot, orphans too", () => {
    const objects = replica([2, 2, 2], [1]).filter(({ key }) => key !== segmentKey(generation, 0, 0));
    expect(choosePlan(catalogOf(objects)).snapshot.index).toBe(1);
  });
});

describe("a target", () => {
  const objects = replica([3, 3], [1]);

  it("by time stops before the first younger segment, from the newest snapshot that is old enough", () => {
    const plan = choosePlan(catalogOf(objects), { timestamp: at(5) });
    expect(plan.snapshot.index).toBe(0);
    expect(plan.last).toEqual({ index: 1, offset: 4152 });
  });

  it("by index takes the whole of it", () => {
    expect(choosePlan(catalogOf(objects), { index: 0 }).last).toEqual({ index: 0, offset: 8304 });
  });

  it.each([
    ["a time before the first snapshot", { timestamp: at(-5) }, /no-backup|usage/],
    ["a time after the last object", { timestamp: at(1000) }, /no-backup|usage/],
    ["an index that is not there", { index: 9 }, /no-backup|usage/],
    ["a generation that is not there", { generation: other }, /no-backup/],
    ["an index and a time at once", { index: 0, timestamp: at(3) }, /usage/],
  ])("that is %s is refused in one clear line", (_what, target, kind) => {
    let error: unknown;
    try {
      choosePlan(catalogOf(objects), target);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ kind: expect.stringMatching(kind), message: expect.not.stringContaining("\n") });
  });

  it("chooses the generation that was written to last, never one without a snapshot", () => {
    const younger = [object(snapshotKey(other, 0), 50), object(segmentKey(other, 0, 0), 51)];
    expect(choosePlan(catalogOf([...objects, ...younger])).generation).toBe(other);
    expect(choosePlan(catalogOf([...objects, ...younger.slice(1)])).generation).toBe(generation);
  });
});

it("two names for one place are damage: nobody can tell which is right", () => {
  const objects = [...replica([2]), object(`generations/${generation}/wal/00000000_0000001038.wal.lz4`, 9)];
  expect(catalogOf(objects).generations[0]?.ambiguous).toEqual({ index: 0, offset: 4152 });
  expect(() => choosePlan(catalogOf(objects))).toThrow(/index=00000000/);
});

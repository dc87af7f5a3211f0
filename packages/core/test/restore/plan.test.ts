// The plan of a restore, from listings alone: what is chosen, where it ends, and what is refused before a byte is fetched.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObjectInfo } from "../../src/backend/client.ts";
import { catalogOf } from "../../src/replica/catalog.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { planGeneration, type RestorePlan } from "../../src/restore/plan.ts";
import { KnownFaults, newestKnown, reachablePlan } from "../../src/restore/reachable.ts";
import { chooseGeneration, type RestoreTarget } from "../../src/restore/target.ts";

const [a, b] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"] as [Generation, Generation];
const time = (s: number) => new Date(1_700_000_000_000 + s * 1000);
const snap = (generation: Generation, index: number, s: number): ObjectInfo => ({
  key: snapshotKey(generation, index),
  size: 100,
  modifiedAt: time(s),
});
const seg = (generation: Generation, index: number, offset: number, s: number): ObjectInfo => ({
  key: segmentKey(generation, index, offset),
  size: 10,
  modifiedAt: time(s),
});

const plan = (objects: readonly ObjectInfo[], target: RestoreTarget = {}) =>
  planGeneration(chooseGeneration(catalogOf(objects), target), target);

/** What is left where a listing is refused. */
function rest(objects: readonly ObjectInfo[], target: RestoreTarget = {}, faults = new KnownFaults()) {
  return reachablePlan(catalogOf(objects), target, faults);
}
const keys = ({ snapshot, segments: { table, first, end } }: RestorePlan) => [
  snapshot.key,
  ...Array.from({ length: end - first }, (_, n) => table.keyAt(first + n)),
];

function refused(
  objects: readonly ObjectInfo[],
  target: RestoreTarget = {},
): { kind?: string; message: string; place?: object; fault?: object | undefined } {
  try {
    plan(objects, target);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it was planned");
}

/** Two snapshots, two indexes between and after them. */
const history = [
  snap(a, 0, 0),
  seg(a, 0, 0, 1),
  seg(a, 0, 4152, 2),
  seg(a, 1, 0, 3),
  seg(a, 1, 4152, 4),
  snap(a, 1, 5),
  seg(a, 1, 8272, 6),
  seg(a, 2, 0, 7),
];

describe("the newest state", () => {
  it("starts from the newest snapshot and the first segment of its index", () => {
    const found = plan(history);
    expect(keys(found)).toEqual([
      snapshotKey(a, 1),
      segmentKey(a, 1, 0),
      segmentKey(a, 1, 4152),
      segmentKey(a, 1, 8272),
      segmentKey(a, 2, 0),
    ]);
    expect(found).toMatchObject({ bytes: 140, moment: time(7), last: { index: 2, offset: 0 }, segmentCount: 4 });
  });

  it("is that of the generation written to last; of equal ones the one begun later, then the first by name", () => {
    expect(plan([snap(a, 0, 0), seg(a, 0, 0, 9), snap(b, 0, 5)]).generation).toBe(a);
    expect(plan([snap(a, 0, 0), seg(a, 0, 0, 9), snap(b, 0, 9)]).generation).toBe(b);
    expect(plan([snap(b, 0, 0), seg(b, 0, 0, 9), snap(a, 0, 9)]).generation).toBe(a);
    expect(plan([snap(b, 0, 5), snap(a, 0, 5)]).generation).toBe(a);
  });

  it("is refused where the newest generation has lost its snapshot: the one before is an older state", () => {
    const lost = [snap(a, 0, 0), seg(a, 0, 0, 1), seg(b, 3, 0, 9)];
    expect(refused(lost)).toMatchObject({ kind: "damaged", place: { generation: b, index: 3 } });
    expect(refused([seg(b, 3, 0, 9)])).toMatchObject({ kind: "damaged", place: { generation: b, index: 3 } });
    expect(rest(lost)).toMatchObject({ generation: a, last: { index: 0, offset: 0 } });
    // Before that generation began, and where it was asked for by name, there is no doubt.
    expect(plan(lost, { timestamp: time(1) }).generation).toBe(a);
    expect(plan(lost, { generation: a }).generation).toBe(a);
    expect(refused(lost, { timestamp: time(9) })).toMatchObject({ kind: "damaged", place: { generation: b } });
  });

  it("does not mind a generation without a snapshot that is older: retention has begun to delete it", () => {
    expect(plan([snap(a, 0, 5), seg(b, 3, 0, 4)]).generation).toBe(a);
  });

  it("of equally old snapshots starts from the lowest", () => {
    expect(plan([snap(a, 0, 1), seg(a, 0, 0, 1), snap(a, 1, 1), seg(a, 1, 0, 1)]).snapshot.index).toBe(0);
  });

  it("is not blocked by what an interrupted deletion left below the snapshot", () => {
    expect(plan([seg(a, 0, 4152, 0), seg(a, 2, 8272, 0), snap(a, 5, 1), seg(a, 5, 0, 2)]).last).toEqual({
      index: 5,
      offset: 0,
    });
  });

  it("is the snapshot alone where nothing follows it", () => {
    expect(plan([snap(a, 4, 1)])).toMatchObject({ segmentCount: 0, last: { index: 4, offset: 0 }, moment: time(1) });
    expect(plan([seg(a, 3, 0, 0), snap(a, 4, 1)]).segmentCount).toBe(0);
  });
});

describe("a timestamp", () => {
  it("ends the plan at the first younger segment", () => {
    expect(keys(plan(history, { timestamp: time(4) }))).toEqual([
      snapshotKey(a, 0),
      ...[
        [0, 0],
        [0, 4152],
        [1, 0],
        [1, 4152],
      ].map(([i = 0, o = 0]) => segmentKey(a, i, o)),
    ]);
    // A stop, not a skip: what lies behind a younger segment does not count, though it is old enough.
    expect(
      plan([snap(a, 0, 0), seg(a, 0, 0, 1), seg(a, 0, 4152, 9), seg(a, 0, 8272, 2)], { timestamp: time(3) }).last,
    ).toEqual({ index: 0, offset: 0 });
  });

  it("that is an object's own includes it", () => {
    expect(plan(history, { timestamp: time(6) })).toMatchObject({
      snapshot: { index: 1 },
      last: { index: 1, offset: 8272 },
    });
  });

  it("chooses among the generations that cover it", () => {
    const two = [...history, snap(b, 0, 20), seg(b, 0, 0, 30)];
    expect(plan(two, { timestamp: time(6) }).generation).toBe(a);
    expect(plan(two, { timestamp: time(25) }).generation).toBe(b);
  });

  it.each([
    [-1, /before the oldest snapshot/],
    [8, /after the newest object/],
  ])("outside of the window (%i s) is refused with the window", (seconds, where) => {
    const error = refused(history, { timestamp: time(seconds) });
    expect(error).toMatchObject({ kind: "no-backup" });
    expect(error.message).toMatch(where);
    expect(error.message).toContain(`${time(0).toISOString()} to ${time(7).toISOString()}`);
  });

  it("between two generations is refused with both", () => {
    const error = refused([...history, snap(b, 0, 20)], { timestamp: time(10) });
    expect(error.message).toMatch(/between two generations.*aaaaaaaa.*bbbbbbbb/s);
  });

  it("together with an index is a wrong request", () => {
    expect(refused(history, { timestamp: time(4), index: 1 })).toMatchObject({ kind: "usage" });
    expect(refused(history, { timestamp: new Date(Number.NaN) })).toMatchObject({ kind: "usage" });
  });
});

describe("an index", () => {
  it("is included whole, from the highest snapshot at or below it", () => {
    expect(plan(history, { index: 1 })).toMatchObject({ snapshot: { index: 1 }, last: { index: 1, offset: 8272 } });
    expect(plan(history, { index: 0 })).toMatchObject({ snapshot: { index: 0 }, last: { index: 0, offset: 4152 } });
  });

  it.each([3, 0x7fffffff])("above the highest (%i) is refused", (index) => {
    expect(refused(history, { index })).toMatchObject({ kind: "usage", place: { index } });
  });

  it("below the first snapshot is refused", () => {
    expect(refused([snap(a, 4, 0), seg(a, 4, 0, 1)], { index: 3 })).toMatchObject({ kind: "usage" });
  });

  it("of which nothing is there, though something is beyond, is a hole", () => {
    const holed = [snap(a, 0, 0), seg(a, 0, 0, 1), seg(a, 3, 0, 2)];
    expect(refused(holed, { index: 2 })).toMatchObject({ kind: "damaged", place: { index: 1, offset: 0 } });
    expect(refused([snap(a, 0, 0), seg(a, 1, 0, 2)], { index: 0 })).toMatchObject({
      kind: "damaged",
      place: { index: 0 },
    });
    expect(plan(holed, { index: 0 }).last).toEqual({ index: 0, offset: 0 });
  });
});

describe("nothing that fits", () => {
  it("is no backup, LTX, or an unknown generation", () => {
    expect(refused([])).toMatchObject({ kind: "no-backup" });
    expect(refused(history, { generation: b })).toMatchObject({ kind: "no-backup" });
    expect(refused(history, { generation: b }).message).toContain(a);
    expect(() => chooseGeneration(catalogOf([], true), {})).toThrow(/LTX.*litestream 0\.5/s);
  });
});

describe("a hole in the listing", () => {
  it("is refused with its place, though another snapshot would do; the rest ends just before it", () => {
    const holed = history.filter(({ key }) => key !== segmentKey(a, 2, 0)).concat(seg(a, 2, 4152, 8));
    const place = { generation: a, index: 2, offset: 0 };
    expect(refused(holed)).toMatchObject({ kind: "damaged", place, fault: { kind: "wal", ...place } });
    expect(rest(holed)).toMatchObject({ stop: "hole", last: { index: 1, offset: 8272 }, snapshot: { index: 1 } });
  });

  it("in the snapshot's own index leaves the snapshot, and without it what an older snapshot reaches", () => {
    const holed = history.filter(({ key }) => key !== segmentKey(a, 1, 0));
    expect(refused(holed)).toMatchObject({ place: { index: 1, offset: 0 } });
    expect(rest(holed)).toMatchObject({ snapshot: { index: 1 }, segmentCount: 0, stop: "hole" });
    const faults = new KnownFaults();
    faults.add({ kind: "snapshot", generation: a, index: 1 });
    expect(rest(holed, {}, faults)).toMatchObject({ snapshot: { index: 0 }, last: { index: 0, offset: 4152 } });
  });

  it("just after a moment is refused too: what is gone may have been old enough", () => {
    const holed = history.filter(({ key }) => key !== segmentKey(a, 1, 0));
    expect(refused(holed, { timestamp: time(3) })).toMatchObject({ kind: "damaged", place: { index: 1, offset: 0 } });
    expect(plan(holed, { timestamp: time(1) }).last).toEqual({ index: 0, offset: 0 });
  });

  it("leaves a state that is planned without a hole once what lies behind it is gone", () => {
    const objects = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(objects, (kept) => {
        const left = history.filter((_, n) => kept[n] ?? false);
        const found = rest(left);
        if (found === undefined) return;
        const { table, end } = found.segments;
        const behind = new Set(Array.from({ length: table.length - end }, (_, n) => table.keyAt(end + n)));
        expect(
          plan(
            left.filter(({ key }) => !behind.has(key)),
            { index: found.last.index },
          ).last,
        ).toEqual(found.last);
      }),
    );
  });

  it("is no hole where a snapshot behind it leads on, and what is known reaches as far as the listing", () => {
    const holed = history.filter(({ key }) => key !== segmentKey(a, 0, 4152) && key !== segmentKey(a, 0, 0));
    expect(rest(holed)).toMatchObject({ stop: "end", snapshot: { index: 1 }, last: { index: 2, offset: 0 } });
    expect(newestKnown(catalogOf(holed), {})).toEqual({ generation: a, index: 2, offset: 0, moment: time(7) });
    expect(newestKnown(catalogOf(holed), { index: 1 })).toMatchObject({ index: 1, offset: 8272, moment: time(6) });
    expect(newestKnown(catalogOf(holed), { timestamp: time(5) })).toMatchObject({ index: 1, offset: 4152 });
  });
});

/** A replica as writers make it, dates rising along the places; then some objects are lost. */
const replica = fc
  .record({
    indexes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
    snapshots: fc.array(fc.nat(5), { maxLength: 3 }),
    // Seconds between two objects: 0 is S3's resolution at work.
    steps: fc.array(fc.nat(2), { minLength: 40, maxLength: 40 }),
  })
  .map(({ indexes, snapshots, steps }) => {
    let now = 0;
    let step = 0;
    const tick = () => (now += steps[step++ % steps.length] ?? 0);
    const objects = [snap(a, 0, now)];
    indexes.forEach((count, index) => {
      for (let n = 0; n < count; n++) objects.push(seg(a, index, n * 4152, tick()));
      if (index > 0 && snapshots.includes(index)) objects.push(snap(a, index, tick()));
    });
    return objects;
  });

it("every plan is one unbroken run from its snapshot's index at 0, for each moment and index", () => {
  fc.assert(
    fc.property(replica, fc.nat(60), fc.nat(6), (objects, second, index) => {
      for (const target of [{}, { timestamp: time(second) }, { index }]) {
        let found: RestorePlan;
        try {
          found = plan(objects, target);
        } catch (error) {
          // A whole replica is refused outside of its window only.
          expect(error).toMatchObject({ kind: expect.stringMatching(/^(no-backup|usage)$/) });
          continue;
        }
        const { table, first, end } = found.segments;
        let expected = { index: found.snapshot.index, offset: 0 };
        for (let at = first; at < end; at++) {
          const here = { index: table.indexAt(at), offset: table.offsetAt(at) };
          if (here.index === expected.index + 1) expected = { index: here.index, offset: 0 };
          expect(here).toEqual(expected);
          expected = { index: here.index, offset: here.offset + 4152 };
          if ("timestamp" in target) expect(table.modifiedMsAt(at)).toBeLessThanOrEqual(time(second).getTime());
          if ("index" in target) expect(here.index).toBeLessThanOrEqual(index);
        }
      }
    }),
  );
});

it("the listing's order and equal dates do not change a plan", () => {
  fc.assert(
    fc.property(replica, fc.infiniteStream(fc.nat()), (objects, numbers) => {
      const shuffled = objects
        .map((one) => ({ one, by: numbers.next().value ?? 0 }))
        .toSorted((x, y) => x.by - y.by)
        .map(({ one }) => one);
      expect(keys(plan(shuffled))).toEqual(keys(plan(objects)));
    }),
  );
});

it("a lost first segment or index after the snapshot is always refused with its place", () => {
  fc.assert(
    fc.property(replica, fc.nat(), (objects, pick) => {
      const base = plan(objects).snapshot.index;
      const starts = objects.filter(({ key }) => key.includes("_00000000.wal"));
      const later = starts.slice(base).slice(0, -1);
      const lost = later[pick % Math.max(1, later.length)];
      if (lost === undefined) return;
      const index = starts.indexOf(lost);
      const error = refused(objects.filter((one) => one !== lost));
      expect(error).toMatchObject({ kind: "damaged", place: { generation: a, index, offset: 0 } });
    }),
  );
});

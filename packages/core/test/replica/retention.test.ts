// Retention: every instant of the window restorable, after the plan and after every part of it; nothing else is left.
import { memoryClient } from "@litewake/conformance";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObjectInfo, ReplicaClient } from "../../src/backend/client.ts";
import { LitewakeError } from "../../src/errors.ts";
import { overriding } from "../../src/backend/overriding.ts";
import { type Catalog, catalogOf } from "../../src/replica/catalog.ts";
import { parseKey, segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { Retention } from "../../src/replica/retention.ts";
import { planRetention } from "../../src/replica/retention-plan.ts";
import { planGeneration } from "../../src/restore/plan.ts";
import { chooseGeneration, type RestoreTarget } from "../../src/restore/target.ts";

const planned = (catalog: Catalog, target: RestoreTarget = {}) =>
  planGeneration(chooseGeneration(catalog, target), target);
const MINUTE = 60_000;
const generations = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"] as Generation[];

/** A life of one generation: each step is minutes that pass, then a snapshot, a segment, or a rotation and a segment. */
const life = fc.array(
  fc.record({
    minutes: fc.integer({ min: 1, max: 90 }),
    what: fc.constantFrom("segment", "segment", "rotate", "snapshot"),
  }),
  { minLength: 1, maxLength: 40 },
);

function objectsOf(lives: readonly (readonly { minutes: number; what: string }[])[]): ObjectInfo[] {
  const objects: ObjectInfo[] = [];
  let now = 1_000 * MINUTE;
  lives.forEach((steps, number) => {
    const generation = generations[number] ?? generations[0];
    if (generation === undefined) return;
    let index = 0;
    let offset = 0;
    let snapshotAt = 0;
    const put = (key: string) => objects.push({ key, size: 10, modifiedAt: new Date(now) });
    now += MINUTE;
    put(snapshotKey(generation, 0));
    for (const { minutes, what } of steps) {
      now += minutes * MINUTE;
      if (what === "snapshot") {
        // As the shipper does: never twice in one index, and only over WAL that is there.
        if (snapshotAt === index || offset === 0) continue;
        put(snapshotKey(generation, index));
        snapshotAt = index;
        continue;
      }
      if (what === "rotate" && offset > 0) {
        index++;
        offset = 0;
      }
      put(segmentKey(generation, index, offset));
      offset += 4152;
    }
  });
  return objects;
}

const newestOf = (objects: readonly ObjectInfo[]) => Math.max(...objects.map(({ modifiedAt }) => modifiedAt.getTime()));

/** What a restore to that target would use; undefined where it is refused. */
function endOf(objects: readonly ObjectInfo[], target: RestoreTarget): string | undefined {
  try {
    const { generation, last } = planned(catalogOf(objects), target);
    return `${generation} ${last.index}:${last.offset}`;
  } catch (error) {
    if (!(error instanceof LitewakeError)) throw error;
    return undefined;
  }
}

const restorable = (objects: readonly ObjectInfo[], instant: number) =>
  endOf(objects, { timestamp: new Date(instant) });

describe("a retention plan", () => {
  it("keeps every instant of the window restorable to the same place, after every part of it", () => {
    fc.assert(
      fc.property(
        fc.array(life, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 10, max: 600 }),
        (lives, minutes) => {
          const objects = objectsOf(lives);
          const nowMs = newestOf(objects);
          const retentionMs = minutes * MINUTE;
          const current = generations[lives.length - 1] ?? generations[0];
          if (current === undefined) return;
          const instants = objects.map(({ modifiedAt }) => modifiedAt.getTime()).flatMap((ms) => [ms, ms + 30_000]);
          const window = instants.filter((ms) => ms >= nowMs - retentionMs && ms <= nowMs);
          const before = window.map((ms) => restorable(objects, ms));
          const gone = new Set<string>();
          for (const batch of planRetention(catalogOf(objects), { retentionMs, nowMs, current })) {
            for (const key of batch) {
              gone.add(key);
              const left = objects.filter((object) => !gone.has(object.key));
              expect(window.map((ms) => restorable(left, ms))).toEqual(before);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("leaves nothing of the current generation that is older than its base", () => {
    fc.assert(
      fc.property(life, fc.integer({ min: 10, max: 600 }), (steps, minutes) => {
        const objects = objectsOf([steps]);
        const nowMs = newestOf(objects);
        const current = generations[0];
        if (current === undefined) return;
        const rules = { retentionMs: minutes * MINUTE, nowMs, current };
        const gone = new Set(planRetention(catalogOf(objects), rules).flat());
        const left = objects.filter((object) => !gone.has(object.key));
        const snapshots = left.filter(({ key }) => parseKey(key)?.kind === "snapshot");
        const old = snapshots.filter(({ modifiedAt }) => modifiedAt.getTime() <= nowMs - rules.retentionMs);
        expect(old.length).toBeLessThanOrEqual(1);
        const base = Math.min(...snapshots.map(({ key }) => parseKey(key)?.index ?? 0));
        for (const { key } of left) expect(parseKey(key)?.index ?? 0).toBeGreaterThanOrEqual(base);
        expect(planRetention(catalogOf(left), rules).flat()).toEqual([]);
      }),
    );
  });

  it("never leaves an index without its first segment, which would block Litestream", () => {
    fc.assert(
      fc.property(
        fc.array(life, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 10, max: 300 }),
        (lives, minutes) => {
          const objects = objectsOf(lives);
          const current = generations[lives.length - 1] ?? generations[0];
          if (current === undefined) return;
          const gone = new Set<string>();
          for (const batch of planRetention(catalogOf(objects), {
            retentionMs: minutes * MINUTE,
            nowMs: newestOf(objects),
            current,
          })) {
            for (const key of batch) {
              gone.add(key);
              for (const { generation, segments } of catalogOf(objects.filter((object) => !gone.has(object.key)))
                .generations) {
                for (const { index } of segments) expect(gone.has(segmentKey(generation, index, 0))).toBe(false);
              }
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("keeps the last restorable state of an older generation, however old", () => {
    const [older, current] = generations;
    if (older === undefined || current === undefined) throw new Error("two generations are needed");
    const at = (minutes: number) => new Date(minutes * MINUTE);
    const objects = [
      { key: snapshotKey(older, 0), size: 1, modifiedAt: at(0) },
      { key: segmentKey(older, 0, 0), size: 1, modifiedAt: at(1) },
      { key: segmentKey(older, 1, 0), size: 1, modifiedAt: at(2) },
      { key: snapshotKey(older, 1), size: 1, modifiedAt: at(3) },
      { key: segmentKey(older, 1, 4152), size: 1, modifiedAt: at(4) },
      { key: snapshotKey(current, 0), size: 1, modifiedAt: at(10_000) },
    ];
    const batches = planRetention(catalogOf(objects), {
      retentionMs: 60 * MINUTE,
      nowMs: at(10_000).getTime(),
      current,
    });
    expect(batches).toEqual([[snapshotKey(older, 0)], [segmentKey(older, 0, 0)]]);
  });
});

/** Listings that are not what the store holds, though it promises so: without a part, or of a moment ago. */
const listings = {
  "that leave entries out": fc.array(fc.boolean(), { minLength: 150, maxLength: 150 }),
  "that leave out a page": fc
    .tuple(fc.nat(120), fc.integer({ min: 1, max: 40 }))
    .map(([from, count]) => Array.from({ length: 150 }, (_, n) => n < from || n >= from + count)),
  "that end early": fc.nat(120).map((end) => Array.from({ length: 150 }, (_, n) => n < end)),
};

describe("a retention plan made from listings", () => {
  it.each(Object.entries(listings))("%s deletes nothing that the window needs", (_name, shown) => {
    fc.assert(
      fc.property(
        fc.array(life, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 10, max: 600 }),
        shown,
        fc.boolean(),
        (lives, minutes, isShown, inOrderOfTime) => {
          const objects = objectsOf(lives);
          const listed = (inOrderOfTime ? objects : objects.toSorted((a, b) => (a.key < b.key ? -1 : 1))).filter(
            (_, n) => isShown[n] ?? true,
          );
          const retentionMs = minutes * MINUTE;
          const current = generations[lives.length - 1] ?? generations[0];
          if (current === undefined || listed.length === 0) return;
          // The last restorable state of every history is kept as well, however old.
          const lastOf = (left: readonly ObjectInfo[]) => generations.map((generation) => endOf(left, { generation }));
          const windowFrom = newestOf(objects) - retentionMs;
          const instants = objects.map(({ modifiedAt }) => modifiedAt.getTime()).filter((ms) => ms >= windowFrom);
          const before = [...instants.map((ms) => restorable(objects, ms)), ...lastOf(objects)];
          const batches = planRetention(catalogOf(listed), { retentionMs, nowMs: newestOf(listed), current });
          const gone = new Set(batches.flat());
          const left = objects.filter((object) => !gone.has(object.key));
          expect([...instants.map((ms) => restorable(left, ms)), ...lastOf(left)]).toEqual(before);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("beside the rules", () => {
  const [older, current] = generations;
  if (older === undefined || current === undefined) throw new Error("two generations are needed");
  const at = (minutes: number) => new Date(minutes * MINUTE);
  const rules = { retentionMs: 60 * MINUTE, nowMs: at(10_000).getTime(), current };
  const object = (key: string, minutes: number) => ({ key, size: 1, modifiedAt: at(minutes) });
  const history = (generation: Generation, from: number) => [
    object(snapshotKey(generation, 0), from),
    object(segmentKey(generation, 0, 0), from + 1),
    object(segmentKey(generation, 1, 0), from + 2),
    object(segmentKey(generation, 2, 0), from + 3),
    object(snapshotKey(generation, 2), from + 4),
    object(segmentKey(generation, 3, 0), from + 5),
    object(snapshotKey(generation, 3), from + 6),
  ];

  it("a pinned index stays restorable, and only what it needs stays", () => {
    const objects = history(current, 0);
    const gone = new Set(
      planRetention(catalogOf(objects), { ...rules, pins: [{ generation: current, index: 1 }] }).flat(),
    );
    expect([...gone].toSorted()).toEqual([snapshotKey(current, 2), segmentKey(current, 2, 0)]);
    const left = catalogOf(objects.filter(({ key }) => !gone.has(key)));
    const target = { generation: current, index: 1 };
    expect(planned(left, target).last).toEqual(planned(catalogOf(objects), target).last);
    expect(planned(left).last).toEqual({ index: 3, offset: 0 });
  });

  it("nothing is deleted of a generation with a hole after its base", () => {
    const objects = [...history(current, 0), object(segmentKey(current, 5, 0), 7)];
    expect(planRetention(catalogOf(objects), rules)).toEqual([]);
  });

  it("a generation that is given up goes whole, once the current one can be restored", () => {
    const dropped = new Set([older]);
    const old = history(older, 0);
    expect(planRetention(catalogOf(old), { ...rules, dropped }).flat()).not.toContain(snapshotKey(older, 3));
    const both = catalogOf([...old, object(snapshotKey(current, 0), 9_999)]);
    expect(
      planRetention(both, { ...rules, dropped })
        .flat()
        .toSorted(),
    ).toEqual(old.map(({ key }) => key).toSorted());
  });

  it("a name of more digits than ours is deleted as it is written", () => {
    const wide = `generations/${current}/wal/00000000_0000000000001038.wal.lz4`;
    const objects = [...history(current, 0), object(wide, 1)];
    expect(planRetention(catalogOf(objects), rules).flat()).toContain(wide);
  });
});

describe("WAL that no snapshot goes before", () => {
  const older = "aaaaaaaaaaaaaaaa" as Generation;
  const current = "bbbbbbbbbbbbbbbb" as Generation;
  const bytes = new Uint8Array(1);

  /** A store with an old history and a new one, on a clock of minutes. */
  async function filled(keys: readonly string[]): Promise<ReplicaClient> {
    let minutes = 0;
    const client = memoryClient({ now: () => new Date(MINUTE * (minutes += 10)) });
    for (const key of keys) await client.put(key, bytes);
    for (let offset = 0; offset < 20; offset++) await client.put(segmentKey(current, 0, offset), bytes);
    return client;
  }

  async function runTwice(client: ReplicaClient, store: ReplicaClient): Promise<void> {
    const retention = new Retention(client, { retentionMs: 30 * MINUTE, graceMs: 1 });
    await retention.run({ current });
    await store.put(segmentKey(current, 0, 4152), bytes);
    await retention.run({ current });
  }

  async function keysOf(client: ReplicaClient, generation: Generation): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of client.list(`generations/${generation}/`)) keys.push(key);
    return keys;
  }

  it("goes once it is old", async () => {
    const store = await filled([segmentKey(older, 0, 0), segmentKey(older, 1, 0), snapshotKey(current, 0)]);
    await runTwice(store, store);
    expect(await keysOf(store, older)).toEqual([]);
  });

  it("stays where only the listing of everything leaves the snapshot out", async () => {
    const store = await filled([snapshotKey(older, 0), segmentKey(older, 0, 0), snapshotKey(current, 0)]);
    const partial = overriding(store, {
      async *list(prefix, options) {
        for await (const object of store.list(prefix, options))
          if (prefix !== "generations/" || object.key !== snapshotKey(older, 0)) yield object;
      },
    });
    await runTwice(partial, store);
    expect(await keysOf(store, older)).toHaveLength(2);
  });
});

describe("a retention run", () => {
  it("marks first and deletes a grace period later, and nothing on a dry run", async () => {
    const [current] = generations;
    if (current === undefined) throw new Error("a generation is needed");
    const client = memoryClient();
    const bytes = new Uint8Array(1);
    await client.put(snapshotKey(current, 0), bytes);
    await client.put(segmentKey(current, 0, 0), bytes);
    await client.put(segmentKey(current, 1, 0), bytes);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.put(snapshotKey(current, 1), bytes);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.put(segmentKey(current, 1, 4152), bytes);
    const retention = new Retention(client, { retentionMs: 1, graceMs: 1 });
    expect(await retention.run({ current, dryRun: true })).toEqual({ deleted: 0, pending: 2 });
    expect(await retention.run({ current })).toEqual({ deleted: 0, pending: 2 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.put(segmentKey(current, 1, 8272), bytes);
    expect(await retention.run({ current })).toEqual({ deleted: 2, pending: 0 });
    const left: string[] = [];
    for await (const { key } of client.list("")) left.push(key);
    expect(left).not.toContain(snapshotKey(current, 0));
    expect(left).toContain(snapshotKey(current, 1));
  });
});

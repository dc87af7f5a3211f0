// Damage between objects: swapped, under another name, an older version, another generation's.
import type { Random } from "../../../testkit/writers/random.ts";
import { type Generation, segmentKey, snapshotKey } from "@litewake/core/protocol";
import { added, bytesOf, type Damage, type DamageClass, deleted, replaced, short } from "./damage.ts";
import type { Shape } from "./shapes.ts";
import { STEP_MS } from "./ship.ts";
import type { SoundObject } from "./states.ts";
import { withContent } from "./stored-form.ts";

function pairs(shape: Shape, random: Random): [SoundObject, SoundObject][] {
  const { objects } = shape.truth;
  const all = objects.flatMap((a, n) => objects.slice(n + 1).map((b): [SoundObject, SoundObject] => [a, b]));
  return all
    .map((pair) => ({ pair, order: random.below(1 << 30) }))
    .sort((a, b) => a.order - b.order)
    .map((one) => one.pair);
}

function swapped(shape: Shape, a: string, b: string): Damage {
  const [first, second] = [bytesOf(shape, a), bytesOf(shape, b)];
  return {
    what: `${short(a)} and ${short(b)}: swapped`,
    objects: 2,
    apply: (objects) => {
      const [one, other] = [objects.get(a), objects.get(b)];
      if (one !== undefined) objects.set(a, { ...one, bytes: second });
      if (other !== undefined) objects.set(b, { ...other, bytes: first });
    },
  };
}

/** Names that an object's copy may come to lie under: the next place, the next index, before the first, another generation. */
function newNames(shape: Shape, { key, kind, index, offset, end }: SoundObject): string[] {
  const { generations, objects } = shape.truth;
  const indexes = objects.map((object) => object.index);
  const last = Math.max(...indexes);
  return [...generations, "cccccccccccccccc"].flatMap((name) => {
    const generation = name as Generation;
    const near = [index + 1, last + 1, Math.max(0, index - 1)];
    return kind === "snapshot"
      ? near.map((n) => snapshotKey(generation, n))
      : [
          ...near.map((n) => segmentKey(generation, n, 0)),
          ...near.map((n) => segmentKey(generation, n, offset)),
          segmentKey(generation, index, end),
          segmentKey(generation, index, end + 24 + shape.truth.pageSize),
          `generations/${generation}/wal/${key.slice(-25, -17)}_0${key.slice(-16)}`,
        ];
  });
}

export const EXCHANGES: readonly DamageClass[] = [
  { name: "swapped", list: (shape, random) => pairs(shape, random).map(([a, b]) => swapped(shape, a.key, b.key)) },
  {
    name: "replaced-by-another",
    list: (shape, random) =>
      pairs(shape, random).flatMap(([a, b]) => [
        replaced(a.key, `holds ${short(b.key)}`, () => bytesOf(shape, b.key)),
        replaced(b.key, `holds ${short(a.key)}`, () => bytesOf(shape, a.key)),
      ]),
  },
  {
    name: "copied",
    list: (shape, random) =>
      shape.truth.objects.flatMap((object) =>
        newNames(shape, object)
          .filter((name) => !shape.objects.has(name))
          .map((name) => {
            const newest = Math.max(...shape.truth.objects.map(({ modifiedMs }) => modifiedMs));
            const isSame = name.includes(object.generation);
            const date = new Date(isSame && random.below(2) === 0 ? newest + STEP_MS : object.modifiedMs);
            return added(name, object.key, bytesOf(shape, object.key), date);
          }),
      ),
  },
  {
    name: "renamed",
    list: (shape) =>
      shape.truth.objects.flatMap((object) =>
        newNames(shape, object)
          .filter((name) => !shape.objects.has(name))
          .map((name): Damage => {
            const copy = added(name, object.key, bytesOf(shape, object.key), new Date(object.modifiedMs));
            const gone = deleted([object.key]);
            return {
              what: `${short(object.key)}: renamed to ${short(name)}`,
              objects: 2,
              apply: (objects) => {
                copy.apply(objects);
                gone.apply(objects);
              },
            };
          }),
      ),
  },
  {
    name: "older-version",
    list: (shape) =>
      shape.truth.objects.flatMap((object) => {
        if (object.kind === "snapshot") return [];
        const step = 24 + shape.truth.pageSize;
        const lengths: number[] = [];
        for (let at = object.offset === 0 ? 32 : 0; at + step < object.plain.byteLength; at += step) {
          if (object.plain.readUInt32BE(at + 4) !== 0) lengths.push(at + step);
        }
        return lengths.map((length) =>
          replaced(object.key, `as it was ${object.plain.byteLength - length} bytes ago`, (now) =>
            withContent(now, object.plain.subarray(0, length)),
          ),
        );
      }),
  },
  {
    name: "lost-run",
    list: (shape) => {
      const { objects } = shape.truth;
      return objects.flatMap((_, n) =>
        [2, 3, 5].flatMap((count) =>
          n + count <= objects.length ? [deleted(objects.slice(n, n + count).map(({ key }) => key))] : [],
        ),
      );
    },
  },
];

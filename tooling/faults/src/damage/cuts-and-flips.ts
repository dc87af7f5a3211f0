// Damage inside one object: gone, empty, cut at and beside every border, bits flipped in every field.
import { compressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { bytesOf, type Damage, type DamageClass, deleted, replaced } from "./damage.ts";
import type { Shape } from "./shapes.ts";
import type { SoundObject } from "./states.ts";
import { headOf, partsOf, withContent } from "./stored-form.ts";

const each = (shape: Shape, damages: (object: SoundObject) => readonly Damage[]): Damage[] =>
  shape.truth.objects.flatMap(damages);

/** Places and the bytes beside them that lie inside. */
function around(borders: readonly number[], length: number): number[] {
  const all = borders.flatMap((border) => [border - 1, border, border + 1]);
  return [...new Set(all)].filter((at) => at >= 0 && at < length).sort((a, b) => a - b);
}

/** Where WAL header, frame headers and pages begin and end in a segment's plain bytes; pages of a snapshot. */
function plainBorders({ kind, offset, plain }: SoundObject, pageSize: number): number[] {
  const borders = [0];
  if (kind === "snapshot") {
    for (let at = 0; at < plain.byteLength; at += pageSize) borders.push(at, at + 100);
    return borders;
  }
  let at = offset === 0 ? 32 : 0;
  for (; at < plain.byteLength; at += 24 + pageSize) borders.push(at, at + 24);
  return borders;
}

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

/** Fields of the plain bytes: WAL header (32 bytes), each frame's header (24 bytes), a byte of each page. */
function plainFields(object: SoundObject, pageSize: number): number[] {
  const borders = plainBorders(object, pageSize);
  if (object.kind === "snapshot") return [16, 18, 24, 28, 32, 36, 40, 44, 96, ...borders.slice(1).map((at) => at + 7)];
  const fields = object.offset === 0 ? Array.from({ length: 32 }, (_, n) => n) : [];
  for (let at = object.offset === 0 ? 32 : 0; at < object.plain.byteLength; at += 24 + pageSize) {
    for (let n = 0; n < 24; n++) fields.push(at + n);
    fields.push(at + 24, at + 24 + pageSize - 1);
  }
  return fields.filter((at) => at < object.plain.byteLength);
}

export const CUTS_AND_FLIPS: readonly DamageClass[] = [
  { name: "deleted", list: (shape) => each(shape, ({ key }) => [deleted([key])]) },
  {
    name: "deleted-between",
    list: (shape) =>
      each(shape, ({ key }) => [{ what: `${key}: listed, then gone`, apply: () => {}, vanished: [key] }]),
  },
  { name: "emptied", list: (shape) => each(shape, ({ key }) => [replaced(key, "empty", () => new Uint8Array(0))]) },
  {
    name: "emptied-content",
    list: (shape) =>
      each(shape, ({ key }) => [
        replaced(key, "a frame of nothing", (now) => withContent(now, new Uint8Array(0))),
        replaced(key, "zeros", (now) => new Uint8Array(now.byteLength)),
      ]),
  },
  {
    name: "cut",
    list: (shape) =>
      each(shape, ({ key }) => {
        const stored = bytesOf(shape, key);
        return around(partsOf(stored).borders, stored.byteLength).map((at) =>
          replaced(key, `cut at byte ${at} of ${stored.byteLength}`, (now) => now.subarray(0, at)),
        );
      }),
  },
  {
    name: "cut-content",
    list: (shape) =>
      each(shape, (object) =>
        around(plainBorders(object, shape.truth.pageSize), object.plain.byteLength).map((at) =>
          replaced(object.key, `content cut at byte ${at} of ${object.plain.byteLength}`, (now) =>
            withContent(now, object.plain.subarray(0, at)),
          ),
        ),
      ),
  },
  {
    name: "lengthened",
    list: (shape) =>
      each(shape, ({ key, plain }) => [
        replaced(key, "bytes behind the frame", (now) => Buffer.concat([now, Buffer.alloc(7, 1)])),
        replaced(key, "content goes on with zeros", (now) =>
          withContent(now, Buffer.concat([plain, Buffer.alloc(24 + shape.truth.pageSize)])),
        ),
        replaced(key, "content repeated", (now) => withContent(now, Buffer.concat([plain, plain]))),
      ]),
  },
  {
    name: "flip-structure",
    list: (shape, random) =>
      each(shape, ({ key }) =>
        partsOf(bytesOf(shape, key)).structure.map((at) => {
          const bit = random.below(8);
          return replaced(key, `bit ${bit} of stored byte ${at} flipped`, (now) => flipped(now, at, bit));
        }),
      ),
  },
  {
    name: "flip-anywhere",
    list: (shape, random) =>
      each(shape, ({ key }) =>
        Array.from({ length: 12 }, () => {
          const at = random.below(bytesOf(shape, key).byteLength);
          const bit = random.below(8);
          return replaced(key, `bit ${bit} of stored byte ${at} flipped`, (now) => flipped(now, at, bit));
        }),
      ),
  },
  {
    name: "flip-content",
    list: (shape, random) =>
      each(shape, (object) =>
        plainFields(object, shape.truth.pageSize).map((at) => {
          const bit = random.below(8);
          return replaced(object.key, `bit ${bit} of plain byte ${at} flipped, in a sound frame`, (now) =>
            Buffer.concat([headOf(now), compressAll(flipped(object.plain, at, bit))]),
          );
        }),
      ),
  },
];

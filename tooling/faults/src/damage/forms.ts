// Damage of form: frames joined, checksums of other kinds, foreign names, a WAL made up anew with other salts or sizes.
import { compressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { encodeSkippableFrame } from "../../../../packages/core/src/codec/lz4-frame.ts";
import { RunningChecksum } from "@litewake/core/protocol";
import { bytesOf, type Damage, type DamageClass, deleted, replaced, short } from "./damage.ts";
import type { Shape } from "./shapes.ts";
import type { SoundObject } from "./states.ts";
import { frameOf, type FrameForm, headOf } from "./stored-form.ts";

const FORMS: readonly FrameForm[] = [
  { blockChecksums: "right" },
  { blockChecksums: "wrong" },
  { blockChecksums: "right", blockBytes: 700 },
  { contentChecksum: "absent" },
  { contentChecksum: "wrong" },
  { contentSize: "right" },
  { contentSize: "wrong" },
  { endMark: false },
  { contentChecksum: "absent", contentSize: "wrong", blockBytes: 999 },
];

function joined(shape: Shape, { key, plain, kind, offset }: SoundObject): Damage[] {
  const step = 24 + shape.truth.pageSize;
  const head = kind === "segment" && offset === 0 ? 32 : 0;
  const places = kind === "snapshot" ? [shape.truth.pageSize, 100] : [head + step, head, 5, plain.byteLength - step];
  return [...new Set(places)]
    .filter((at) => at > 0 && at < plain.byteLength)
    .flatMap((at) => {
      const [first, second] = [compressAll(plain.subarray(0, at)), compressAll(plain.subarray(at))];
      return [
        replaced(key, `two frames, joined at ${at}`, (now) => Buffer.concat([headOf(now), first, second])),
        replaced(key, `the first frame of two, up to ${at}`, (now) => Buffer.concat([headOf(now), first])),
        replaced(key, `the second frame of two, from ${at}`, (now) => Buffer.concat([headOf(now), second])),
        replaced(key, `two frames with another's between, at ${at}`, (now) =>
          Buffer.concat([headOf(now), first, encodeSkippableFrame(Buffer.from("between")), second]),
        ),
      ];
    });
}

/** Two neighbours as one object: their frames joined, or their content in one frame; the second stays or goes. */
function merged(shape: Shape): Damage[] {
  const segments = shape.truth.objects.filter(({ kind }) => kind === "segment");
  return segments.flatMap((a) => {
    const b = segments.find((one) => one.generation === a.generation && one.index === a.index && one.offset === a.end);
    if (b === undefined) return [];
    const one = replaced(a.key, `and ${short(b.key)} in one frame`, (now) =>
      Buffer.concat([headOf(now), compressAll(Buffer.concat([a.plain, b.plain]))]),
    );
    const two = replaced(a.key, `and ${short(b.key)} as joined frames`, (now) =>
      Buffer.concat([now, bytesOf(shape, b.key)]),
    );
    const gone = deleted([b.key]);
    const without = ({ what, apply }: Damage): Damage => ({
      what: `${what}, which is deleted`,
      objects: 2,
      apply: (objects) => {
        apply(objects);
        gone.apply(objects);
      },
    });
    return [one, two, without(one), without(two)];
  });
}

interface Rewrite {
  readonly salts?: number;
  readonly sequence?: number;
  readonly pageSize?: number;
}

/** A segment with right checksums over wrong fields: from its own start, as if the chain began anew there. */
function rewritten(
  { plain, offset }: SoundObject,
  pageSize: number,
  { salts = 0, sequence = 0, pageSize: size }: Rewrite,
): Buffer {
  const bytes = Buffer.from(plain);
  const head = offset === 0 ? 32 : 0;
  const sum = new RunningChecksum(head === 0 || (bytes[3] ?? 0) % 2 === 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const put = (at: number): void => {
    view.setUint32(at, sum.value.s1);
    view.setUint32(at + 4, sum.value.s2);
  };
  if (head > 0) {
    view.setUint32(8, size ?? pageSize);
    view.setUint32(12, view.getUint32(12) + sequence);
    view.setUint32(16, view.getUint32(16) + salts);
    sum.add(view, 0, 24);
    put(24);
  }
  for (let at = head; at + 24 + pageSize <= bytes.byteLength; at += 24 + pageSize) {
    view.setUint32(at + 8, view.getUint32(at + 8) + salts);
    sum.add(view, at, 8);
    sum.add(view, at + 24, pageSize);
    put(at + 16);
  }
  return bytes;
}

const REWRITES: readonly [string, Rewrite][] = [
  ["other salts", { salts: 1 }],
  ["salts of an older WAL", { salts: -1, sequence: -1 }],
  ["another checkpoint sequence", { sequence: 3 }],
  ["another page size", { pageSize: 32_768 }],
  ["its chain begun anew", {}],
];

const FOREIGN = [
  "generations/README",
  "generations/aaaaaaaaaaaaaaaa/wal/00000000_00000000.wal.lz4.tmp",
  "generations/aaaaaaaaaaaaaaaa/wal/0000000A_00000000.wal.lz4",
  "generations/aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4.bak",
  "generations/AAAAAAAAAAAAAAAA/snapshots/00000009.snapshot.lz4",
  "generations/aaaaaaaaaaaaaaaa/snapshots/ffffffff.snapshot.lz4",
  "generations/aaaaaaaaaaaaaaaa/snapshots/0/00000000.snapshot.lz4",
  "litewake/notes.json",
  "0000/readme.txt",
];

export const FORM_DAMAGE: readonly DamageClass[] = [
  {
    name: "form-of-frame",
    list: (shape) =>
      shape.truth.objects.flatMap(({ key, plain }) =>
        FORMS.map((form) =>
          replaced(key, `as a frame ${JSON.stringify(form)}`, (now) =>
            Buffer.concat([headOf(now), frameOf(plain, form)]),
          ),
        ),
      ),
  },
  {
    name: "proof",
    list: (shape) =>
      shape.truth.objects.flatMap(({ key, plain }) => [
        replaced(key, "without its proof", () => compressAll(plain)),
        replaced(key, "with its proof twice", (now) => Buffer.concat([headOf(now), now])),
        replaced(key, "with somebody else's frame before it", (now) =>
          Buffer.concat([encodeSkippableFrame(Buffer.from("LWP0 not ours")), now]),
        ),
      ]),
  },
  {
    name: "joined",
    list: (shape) => [...shape.truth.objects.flatMap((object) => joined(shape, object)), ...merged(shape)],
  },
  {
    name: "made-up",
    list: (shape) =>
      shape.truth.objects
        .filter(({ kind }) => kind === "segment")
        .flatMap((object) =>
          REWRITES.map(([how, rewrite]) =>
            replaced(object.key, `${how}, with right checksums`, (now) =>
              Buffer.concat([headOf(now), compressAll(rewritten(object, shape.truth.pageSize, rewrite))]),
            ),
          ),
        ),
  },
  {
    name: "foreign-names",
    list: (shape) =>
      FOREIGN.flatMap((key): Damage[] => {
        const [object] = shape.objects.values();
        const bytes = object?.bytes ?? new Uint8Array(1);
        return [0, 1].map((late) => ({
          what: `${key}: not ours`,
          apply: (objects) => void objects.set(key, { bytes, modifiedAt: new Date(late === 0 ? 0 : "2027-01-01") }),
        }));
      }),
  },
];

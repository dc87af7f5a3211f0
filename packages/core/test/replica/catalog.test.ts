// The catalog of a replica: in order of numbers whatever the listing's order, compact, and what is foreign named.
import { memoryClient } from "@litewake/conformance";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObjectInfo } from "../../src/backend/client.ts";
import { catalogOf, readCatalog } from "../../src/replica/catalog.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";

const generation = "fd6faaf1f3752b45" as Generation;
const at = (ms: number) => new Date(1_700_000_000_000 + ms);
const object = (key: string, ms: number = 0, size: number = 1): ObjectInfo => ({ key, size, modifiedAt: at(ms) });
const wide = (index: number, offset: number, width: number) =>
  `generations/${generation}/wal/${index.toString(16).padStart(8, "0")}_${offset.toString(16).padStart(width, "0")}.wal.lz4`;

describe("a catalog", () => {
  it("orders segments by number where names of different widths sort otherwise", () => {
    // As text, "…_100000000" (4 GiB) comes before "…_fffff000".
    const keys = [wide(1, 0x100000000, 9), wide(1, 0xfffff000, 8), wide(1, 0, 8), wide(0, 0, 8)];
    const [record] = catalogOf(keys.toSorted().map((key) => object(key))).generations;
    expect([...(record?.segments ?? [])].map(({ index, offset }) => [index, offset])).toEqual([
      [0, 0],
      [1, 0],
      [1, 0xfffff000],
      [1, 0x100000000],
    ]);
    expect(record?.segments.keyAt(3)).toBe(wide(1, 0x100000000, 9));
  });

  it("holds every segment it was given, in order, under the key it was listed by", () => {
    const place = fc.record({ index: fc.nat(20), offset: fc.nat(5000), width: fc.integer({ min: 8, max: 16 }) });
    fc.assert(
      fc.property(fc.uniqueArray(place, { selector: ({ index, offset }) => `${index}:${offset}` }), (places) => {
        const { generations } = catalogOf(
          places.map(({ index, offset, width }, n) => object(wide(index, offset, width), n, n)),
        );
        const segments = generations[0]?.segments;
        const sorted = places
          .map(({ index, offset, width }, n) => ({
            index,
            offset,
            size: n,
            modifiedAt: at(n),
            key: wide(index, offset, width),
          }))
          .toSorted((a, b) => a.index - b.index || a.offset - b.offset);
        const found = sorted.map((_, n) => ({ ...segments?.at(n), key: segments?.keyAt(n) }));
        expect(found).toEqual(sorted);
        expect(segments?.length ?? 0).toBe(places.length);
        sorted.forEach(({ index, offset }, n) => expect(segments?.firstFrom(index, offset)).toBe(n));
      }),
    );
  });

  it("names a place that two names claim", () => {
    const { generations } = catalogOf([object(wide(1, 32, 8)), object(wide(1, 32, 9))]);
    expect(generations[0]?.ambiguous).toEqual({ index: 1, offset: 32 });
  });

  it("has the bounds of all objects, and the newest of all generations", () => {
    const other = "0000000000000001" as Generation;
    const catalog = catalogOf([
      object(snapshotKey(generation, 0), 50),
      object(segmentKey(generation, 0, 0), 20, 7),
      object(snapshotKey(other, 3), 90),
    ]);
    expect(catalog.generations.map((record) => record.generation)).toEqual([other, generation]);
    expect(catalog.generations[1]).toMatchObject({ createdAt: at(20), updatedAt: at(50), sizeBytes: 8 });
    expect(catalog.newestAt).toEqual(at(90));
  });

  it("collects what is no name of the layout, and counts what it does not collect", () => {
    const keys = Array.from({ length: 1200 }, (_, n) => `generations/${generation}/wal/${n}.tmp`);
    const catalog = catalogOf(keys.map((key) => object(key)));
    expect(catalog.generations).toEqual([]);
    expect(catalog.foreignCount).toBe(1200);
    expect(catalog.foreign).toEqual(keys.slice(0, 1000));
  });

  it("takes a million segments in little memory", () => {
    const many = function* (): Generator<ObjectInfo> {
      for (let n = 0; n < 1_000_000; n++) yield object(segmentKey(generation, n >> 4, (n & 15) * 4120), n);
    };
    const before = process.memoryUsage();
    const { generations } = catalogOf(many());
    const after = process.memoryUsage();
    expect(generations[0]?.segments.length).toBe(1_000_000);
    expect(generations[0]?.segments.at(-1)).toMatchObject({ index: 62_499, offset: 61_800 });
    // The columns themselves; what is on the heap besides is garbage of the listing.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(100 << 20);
  });
});

describe("a replica of Litestream 0.5", () => {
  it.each(["ltx/0/0000000000000001-000000000000000a.ltx", "0009/0000000000000001-000000000000000a.ltx"])(
    "is recognised by %s",
    async (key) => {
      const client = memoryClient();
      await client.put(key, new Uint8Array(1));
      expect((await readCatalog(client)).ltx).toBe(true);
    },
  );

  it("is not seen in an empty store, nor in names that are like it", async () => {
    const client = memoryClient();
    expect((await readCatalog(client)).ltx).toBe(false);
    await client.put("ltx/notes.txt", new Uint8Array(1));
    await client.put("0000/notes.txt", new Uint8Array(1));
    expect((await readCatalog(client)).ltx).toBe(false);
  });
});

// Verification against its oracle: what it calls restorable is restored, exactly; what it does not, is refused.
import { createHash } from "node:crypto";
import fs from "node:fs";
import { MemoryClient, type StoredObject } from "@litewake/conformance";
import { tempDir } from "@litewake-tooling/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ReplicaError } from "../../src/backend/error.ts";
import { overriding } from "../../src/backend/overriding.ts";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { compressAll, decompressAll } from "../../src/codec/lz4-stream.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { encodeProof } from "../../src/replica/proof.ts";
import { restore } from "../../src/restore/restore.ts";
import { verify, type VerifyReport, type VerifyRequest } from "../../src/verify/verify.ts";
import { frameBytes } from "../../src/wal/frame.ts";
import { sampleGeneration as generation, sampleReplica, type SampleReplica } from "../fixtures/sample-replica.ts";

const INDEXES = 4;
const PER_INDEX = 3;

let folder: ReturnType<typeof tempDir>;
let whole: SampleReplica;
/** By the date of each object: what is restored at that time. */
const expected = new Map<number, string>();

async function stateAt(client: ReplicaClient, timestamp: Date): Promise<string | undefined> {
  const output = folder.join("restored.db");
  try {
    await restore({ replicas: [{ name: "memory", client }], output, target: { timestamp } });
    return createHash("sha256").update(fs.readFileSync(output)).digest("hex");
  } catch (error) {
    expect(error).toMatchObject({ kind: expect.stringMatching(/^(damaged|no-backup)$/) });
    return undefined;
  } finally {
    fs.rmSync(output, { force: true });
  }
}

beforeAll(async () => {
  folder = tempDir("verify");
  whole = await sampleReplica(folder.path, { indexes: INDEXES, snapshots: [0, 2] });
  for (const { modifiedAt } of whole.client.objects.values())
    expected.set(modifiedAt.getTime(), (await stateAt(whole.client, modifiedAt)) ?? "refused");
});
afterAll(() => folder.remove());

/** A copy of the sample whose objects can be changed; their dates stay. */
class Copy {
  readonly objects: Map<string, StoredObject> = new Map(whole.client.objects);
  readonly client: MemoryClient = new MemoryClient({ objects: this.objects });

  /** Number of a segment, over all indexes. */
  key(number: number): string {
    const { index, offset } = segment(number);
    return segmentKey(generation, index, offset);
  }

  change(key: string, change: (bytes: Buffer) => Uint8Array): this {
    const { bytes, modifiedAt } = this.objects.get(key) ?? { bytes: new Uint8Array(0), modifiedAt: new Date(0) };
    this.objects.set(key, { bytes: change(Buffer.from(bytes)), modifiedAt });
    return this;
  }

  delete(...keys: string[]): this {
    for (const key of keys) this.objects.delete(key);
    return this;
  }

  async verify(more: Partial<VerifyRequest> = {}): Promise<VerifyReport> {
    return verify({ replica: { name: "memory", client: this.client }, ...more });
  }
}

function segment(number: number) {
  const found = whole.segments[number];
  if (found === undefined) throw new Error(`there is no segment ${number}`);
  return found;
}

const flip = (bytes: Buffer): Buffer => {
  bytes[bytes.byteLength >> 1] = (bytes[bytes.byteLength >> 1] ?? 0) ^ 0x10;
  return bytes;
};
const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.byteLength >> 1);
const damages = (report: VerifyReport) => report.findings.filter(({ kind }) => kind === "damage");

/** In a window: restored, and exactly what it was. Outside: refused, or not what it was (a segment that is gone leaves no trace). */
async function expectTrue(copy: Copy, report: VerifyReport): Promise<void> {
  const windows = report.generations.flatMap((one) => one.windows);
  for (const [ms, state] of expected) {
    const isProved = windows.some(({ from, to }) => from.getTime() <= ms && ms <= to.getTime());
    const at = new Date(ms).toISOString();
    expect([at, (await stateAt(copy.client, new Date(ms))) === state]).toEqual([at, isProved]);
  }
}

it("a whole replica: all of it is proved, each object read once after one listing", async () => {
  const calls = { list: 0, get: new Map<string, number>() };
  const client = overriding(whole.client, {
    list: (prefix, options) => {
      if (prefix.startsWith("generations")) calls.list += 1;
      return whole.client.list(prefix, options);
    },
    get: (key, options) => {
      calls.get.set(key, (calls.get.get(key) ?? 0) + 1);
      return whole.client.get(key, options);
    },
  });
  const report = await verify({ replica: { name: "memory", client } });
  expect(report).toMatchObject({ sound: true, findings: [], findingCount: 0, objects: 14, replica: "memory" });
  expect(calls.list).toBe(1);
  expect([...calls.get.keys()].toSorted()).toEqual([...whole.client.objects.keys()].toSorted());
  expect(new Set(calls.get.values())).toEqual(new Set([1]));
  const dates = [...expected.keys()];
  expect(report.generations).toMatchObject([
    {
      generation,
      snapshots: 2,
      segments: INDEXES * PER_INDEX,
      provenEnds: true,
      damaged: false,
      windows: [{ from: new Date(Math.min(...dates)), to: new Date(Math.max(...dates)) }],
    },
  ]);
  const last = segment(11);
  expect(report.newest).toEqual({
    generation,
    index: 3,
    offset: last.offset + last.bytes.byteLength,
    moment: last.at,
  });
  await expectTrue(new Copy(), report);
});

describe("damage, with what it costs:", () => {
  const numbers = [0, 1, 2, 3, 5, 6, 7, 11];
  it.each(numbers.flatMap((n) => ["flipped", "cut", "deleted"].map((how) => [n, how] as const)))(
    "segment %i %s",
    async (number, how) => {
      const copy = new Copy();
      const key = copy.key(number);
      if (how === "deleted") copy.delete(key);
      else copy.change(key, how === "flipped" ? flip : half);
      const report = await copy.verify();
      const isLast = number === 11 && how === "deleted";
      expect(report.sound).toBe(isLast);
      if (!isLast) {
        const { index, offset } = segment(number);
        expect(damages(report)).toMatchObject([{ generation, index, offset, key, means: expect.any(String) }]);
      }
      await expectTrue(copy, report);
    },
  );

  it.each([0, 2])("snapshot %i", async (index) => {
    const key = snapshotKey(generation, index);
    for (const copy of [new Copy().change(key, flip), new Copy().change(key, half)]) {
      const report = await copy.verify();
      expect(damages(report)).toMatchObject([{ generation, index, key }]);
      await expectTrue(copy, report);
    }
  });

  it("names what cannot be restored", async () => {
    const report = await new Copy().change(new Copy().key(4), flip).verify();
    const from = segment(3).at.toISOString();
    const to = whole.client.objects.get(snapshotKey(generation, 2))?.modifiedAt.toISOString();
    expect(damages(report)).toMatchObject([{ means: `nothing after ${from} and before ${to} can be restored` }]);
    const tail = await new Copy().change(new Copy().key(10), flip).verify();
    expect(damages(tail)).toMatchObject([{ means: `nothing after ${segment(9).at.toISOString()} can be restored` }]);
    expect(tail.newest).toMatchObject({ index: 3, offset: segment(10).offset, moment: segment(9).at });
    const first = await new Copy().change(snapshotKey(generation, 0), flip).verify();
    expect(damages(first)).toMatchObject([{ means: `nothing before ${to} can be restored` }]);
  });

  it("all of it is found, not only the first, also behind it in the same index", async () => {
    const copy = new Copy();
    copy.change(copy.key(0), flip).change(copy.key(2), flip).delete(copy.key(4)).change(copy.key(5), half);
    copy.change(copy.key(10), flip).change(copy.key(11), flip);
    const report = await copy.verify();
    const places = [0, 2, 4, 5, 10, 11].map((n) => ({ index: segment(n).index, offset: segment(n).offset }));
    expect(damages(report)).toMatchObject(places);
    await expectTrue(copy, report);
  });

  it("a frame cut off in a sound LZ4 frame, in the middle and at the end of an index", async () => {
    for (const [number, next] of [
      [3, 4],
      [5, 5],
    ] as const) {
      const copy = new Copy();
      const cut = (bytes: Buffer) => {
        const plain = decompressAll(bytes);
        const proof = number === 3 ? proofOf(2) : new Uint8Array(0);
        return Buffer.concat([proof, compressAll(plain.subarray(0, plain.byteLength - frameBytes(1024)))]);
      };
      const report = await copy.change(copy.key(number), cut).verify();
      const { offset, bytes } = segment(number);
      expect(damages(report)).toMatchObject([
        { index: 1, offset: offset + bytes.byteLength - frameBytes(1024), what: expect.stringMatching(/^missing/) },
      ]);
      expect(next).toBeGreaterThan(0);
      await expectTrue(copy, report);
    }
  });

  it("two segments swapped, and one under another index's name", async () => {
    const copy = new Copy();
    const [a, b] = [copy.objects.get(copy.key(3)), copy.objects.get(copy.key(4))];
    copy
      .change(copy.key(3), () => b?.bytes ?? new Uint8Array(0))
      .change(copy.key(4), () => a?.bytes ?? new Uint8Array(0));
    const report = await copy.verify();
    expect(report.sound).toBe(false);
    await expectTrue(copy, report);
    const other = new Copy();
    const moved = await other
      .change(other.key(4), () => other.objects.get(other.key(7))?.bytes ?? new Uint8Array(0))
      .verify();
    expect(damages(moved)[0]).toMatchObject({ index: 1, offset: segment(4).offset });
    await expectTrue(other, moved);
  });

  it("a whole index gone, and a whole index's first segments", async () => {
    const copy = new Copy();
    const report = await copy.delete(copy.key(3), copy.key(4), copy.key(5)).verify();
    expect(damages(report)).toMatchObject([{ index: 1, offset: 0, what: "missing WAL index" }]);
    await expectTrue(copy, report);
    const beheaded = new Copy();
    const second = await beheaded.delete(beheaded.key(6), beheaded.key(7)).verify();
    expect(damages(second)[0]).toMatchObject({ index: 2, offset: 0 });
    await expectTrue(beheaded, second);
  });

  it("a generation without a snapshot, beside one that is whole", async () => {
    const other = "0000000000000001" as Generation;
    const copy = new Copy();
    copy.objects.set(segmentKey(other, 0, 0), { bytes: segment(0).bytes, modifiedAt: segment(0).at });
    const report = await copy.verify();
    expect(damages(report)).toMatchObject([
      { generation: other, index: 0, means: "nothing of this generation can be restored" },
    ]);
    expect(report.generations).toMatchObject([
      { generation: other, damaged: true, windows: [], newest: null },
      { generation, damaged: false },
    ]);
    expect(report.newest).toMatchObject({ generation, index: 3 });
    const only = await copy.verify({ generation });
    expect(only).toMatchObject({ sound: true, generations: [{ generation }] });
  });

  it("pages of another size than the snapshot's", async () => {
    const key = snapshotKey(generation, 2);
    const copy = new Copy().change(key, () => {
      const page = Buffer.alloc(4096);
      page.write("SQLite format 3\0", "latin1");
      page.writeUInt16BE(4096, 16);
      return compressAll(page);
    });
    const report = await copy.verify();
    expect(damages(report)).toMatchObject([
      { index: 2, key, what: "the WAL has pages of 1024 bytes, the snapshot of 4096" },
    ]);
    await expectTrue(copy, report);
  });
});

/** The proof that the first segment of an index carries. */
function proofOf(segmentBefore: number): Uint8Array {
  const { index, offset, bytes } = segment(segmentBefore);
  const at = bytes.byteLength - frameBytes(1024);
  const previous = {
    index,
    end: offset + bytes.byteLength,
    s1: bytes.readUInt32BE(at + 16),
    s2: bytes.readUInt32BE(at + 20),
  };
  return encodeProof({ version: 1, previous });
}

describe("no damage:", () => {
  it("foreign names and LTX files, which are named", async () => {
    const copy = new Copy();
    const object = { bytes: new Uint8Array(3), modifiedAt: new Date() };
    copy.objects.set(`generations/${generation}/wal/notes.txt`, object);
    copy.objects.set("ltx/0/0000000000000001-0000000000000002.ltx", object);
    const report = await copy.verify();
    expect(report.sound).toBe(true);
    expect(report.findings).toEqual([
      {
        kind: "note",
        key: `generations/${generation}/wal/notes.txt`,
        what: "no name of the layout",
        means: "a restore passes it over",
      },
      {
        kind: "note",
        what: "the replica also holds Litestream 0.5 LTX files",
        means: "they may be newer, and are neither read nor proved",
      },
    ]);
  });

  it("indexes that do not say where they end, which is said", async () => {
    const plain = await sampleReplica(fs.mkdtempSync(folder.join("plain-")), { proofs: false });
    const report = await verify({ replica: { name: "memory", client: plain.client } });
    expect(report).toMatchObject({ sound: true, generations: [{ provenEnds: false }] });
  });

  it("a gap behind a pinned point, where somebody says that it is pinned", async () => {
    const copy = new Copy();
    copy.delete(copy.key(3), copy.key(4), copy.key(5));
    expect((await copy.verify()).sound).toBe(false);
    const report = await copy.verify({ pins: [{ generation, index: 0, snapshot: 0 }] });
    expect(report).toMatchObject({
      sound: true,
      findings: [{ kind: "note", index: 1, means: "retention keeps nothing between a pinned point and its window" }],
    });
    await expectTrue(copy, report);
  });

  it("a last transaction without its commit", async () => {
    const copy = new Copy();
    const uncommitted = Buffer.from(segment(11).bytes.subarray(0, frameBytes(1024)));
    copy.change(copy.key(11), () => compressAll(uncommitted));
    expect(await copy.verify()).toMatchObject({
      sound: true,
      findings: [
        { kind: "note", what: "the last transaction has no commit (1 frames)", means: "a restore leaves it out" },
      ],
      newest: { index: 3, offset: segment(11).offset },
    });
  });
});

describe("a replica in use:", () => {
  /** Deletes keys once the listing is over. */
  function vanishing(copy: Copy, keys: readonly string[]): ReplicaClient {
    let listed = 0;
    return overriding(copy.client, {
      list: async function* (prefix, options) {
        yield* copy.client.list(prefix, options);
        if (listed++ === 0) copy.delete(...keys);
      },
    });
  }

  it("what retention deletes meanwhile is no damage", async () => {
    const copy = new Copy();
    const keys = [snapshotKey(generation, 0), ...[0, 1, 2, 3, 4, 5].map((n) => copy.key(n))];
    const report = await verify({ replica: { name: "memory", client: vanishing(copy, keys) } });
    expect(report.sound).toBe(true);
    expect(report.findings).toHaveLength(7);
    expect(new Set(report.findings.map(({ means }) => means))).toEqual(new Set(["retention has deleted it meanwhile"]));
    await expectTrue(copy, report);
  });

  it.each([
    ["a segment that the snapshot needs", [4]],
    ["the last snapshot", []],
  ])("%s is", async (_what, numbers) => {
    const copy = new Copy();
    const keys = numbers.length > 0 ? numbers.map((n) => copy.key(n)) : [snapshotKey(generation, 2)];
    const report = await verify({ replica: { name: "memory", client: vanishing(copy, keys) } });
    expect(damages(report)).toMatchObject([
      { key: keys[0], what: expect.stringContaining("was listed but is not there") },
    ]);
  });
});

describe("not verified, with one line:", () => {
  it("a replica that holds nothing, or not the generation, or only LTX files", async () => {
    const empty = new MemoryClient();
    const request = { replica: { name: "memory", client: empty } };
    await expect(verify(request)).rejects.toMatchObject({
      kind: "no-backup",
      message: "memory://: the replica holds no backup",
    });
    const other = "0000000000000002" as Generation;
    await expect(new Copy().verify({ generation: other })).rejects.toMatchObject({
      kind: "no-backup",
      message: `memory://: the replica holds no generation ${other}: it holds ${generation}`,
    });
    await empty.put("ltx/0/0000000000000001-0000000000000002.ltx", new Uint8Array(3));
    await expect(verify(request)).rejects.toMatchObject({ kind: "usage" });
  });

  it("a store that fails in the middle", async () => {
    const client = overriding(whole.client, {
      get: (key) => Promise.reject(new ReplicaError({ code: "Unavailable", operation: "get", key, reason: "away" })),
    });
    await expect(verify({ replica: { name: "memory", client } })).rejects.toMatchObject({
      kind: "unreachable",
      message: expect.stringMatching(/^memory:\/\/: .*away/),
    });
  });

  it("one that was cancelled", async () => {
    await expect(new Copy().verify({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: "aborted",
      message: "the verification was cancelled",
    });
  });
});

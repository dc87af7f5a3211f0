// Damaged replicas: each is refused with its place, and leaves no output; what is whole comes back exactly.
import fs from "node:fs";
import { memoryClient } from "@litewake/conformance";
import { tempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { encodeSkippableFrame } from "../../src/codec/lz4-frame.ts";
import { compressAll, decompressAll } from "../../src/codec/lz4-stream.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { encodeProof } from "../../src/replica/proof.ts";
import { RestoreRefusal } from "../../src/restore/refusal.ts";
import { planRestore, restore } from "../../src/restore/restore.ts";
import { frameBytes } from "../../src/wal/frame.ts";
import { sampleGeneration as generation, sampleReplica, type SampleReplica } from "../fixtures/sample-replica.ts";

let folder: ReturnType<typeof tempDir>;
let whole: SampleReplica;

beforeEach(async () => {
  folder = tempDir("damage");
  whole = await sampleReplica(folder.path);
});
afterEach(() => folder.remove());

const output = () => folder.join("out", "restored.db");
const run = (client: ReplicaClient = whole.client) =>
  restore({ replicas: [{ name: "memory", client }], output: output() });

async function refusal(client: ReplicaClient = whole.client): Promise<RestoreRefusal> {
  const error = await run(client).then(
    () => new Error("it was restored"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RestoreRefusal);
  // Neither the output nor anything temporary is left.
  expect(fs.existsSync(folder.join("out")) ? fs.readdirSync(folder.join("out")) : []).toEqual([]);
  if (!(error instanceof RestoreRefusal)) throw error;
  expect(error.kind).toBe("damaged");
  expect(error.message).toContain(generation);
  return error;
}

function segment(number: number) {
  const found = whole.segments[number];
  if (found === undefined) throw new Error(`there is no segment ${number}`);
  return { ...found, key: segmentKey(generation, found.index, found.offset) };
}

async function stored(key: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of await whole.client.get(key)) parts.push(part);
  return Buffer.concat(parts);
}

function sameContent(a: Uint8Array, b: Uint8Array): boolean {
  try {
    return Buffer.compare(decompressAll(a), decompressAll(b)) === 0;
  } catch {
    return false;
  }
}

it("a whole replica comes back byte for byte, with the ends of its indexes proved", async () => {
  const result = await run();
  expect(Buffer.compare(fs.readFileSync(output()), whole.final)).toBe(0);
  expect(result.provenEnds).toBe(true);
  expect(result.integrityCheck).toBe("quick");
  expect(fs.statSync(output()).mode & 0o777).toBe(0o600);
});

it("without proofs it comes back too, and is checked in full", async () => {
  const plain = await sampleReplica(fs.mkdtempSync(folder.join("plain-")), { proofs: false });
  const result = await run(plain.client);
  expect(Buffer.compare(fs.readFileSync(output()), plain.final)).toBe(0);
  expect(result).toMatchObject({ provenEnds: false, integrityCheck: "full" });
});

describe("refused, with its place:", () => {
  it("a missing first segment", async () => {
    await whole.client.delete([segment(3).key]);
    expect((await refusal()).place).toMatchObject({ index: 1, offset: 0 });
  });

  it("a missing middle segment", async () => {
    await whole.client.delete([segment(4).key]);
    expect((await refusal()).place).toMatchObject({ index: 1, offset: segment(4).offset });
  });

  it("the missing tail of an index that is not the last", async () => {
    await whole.client.delete([segment(5).key]);
    const error = await refusal();
    expect(error.place).toMatchObject({ index: 1, offset: segment(5).offset });
    expect(error.message).toContain("missing tail");
  });

  it("a missing index", async () => {
    await whole.client.delete([3, 4, 5].map((number) => segment(number).key));
    expect((await refusal()).place).toMatchObject({ index: 1, offset: 0 });
  });

  it("a missing snapshot", async () => {
    await whole.client.delete([snapshotKey(generation, 0)]);
    expect((await refusal()).message).toContain("snapshot");
  });

  it.each([0, 1, 7, 20, -1, -5])("a segment cut at byte %i", async (at) => {
    const { key, index, offset } = segment(4);
    await whole.client.put(key, (await stored(key)).subarray(0, at));
    expect((await refusal()).place).toMatchObject({ index, offset });
  });

  it("a segment of which a frame was cut off, in a sound LZ4 frame", async () => {
    const { key, bytes } = segment(4);
    await whole.client.put(key, compressAll(bytes.subarray(0, bytes.byteLength - frameBytes(1024))));
    expect((await refusal()).place).toMatchObject({ index: 1 });
  });

  it("a second LZ4 frame joined to the first", async () => {
    const { key, bytes } = segment(4);
    const cut = frameBytes(1024);
    await whole.client.put(key, Buffer.concat([compressAll(bytes.subarray(0, cut)), compressAll(bytes.subarray(cut))]));
    expect((await refusal()).message).toMatch(/second (LZ4 )?frame/);
  });

  it("a flipped bit at any of many places, in a segment or the snapshot", async () => {
    let refused = 0;
    for (const key of [segment(0).key, segment(4).key, segment(8).key, snapshotKey(generation, 0)]) {
      const bytes = await stored(key);
      for (let at = 0; at < bytes.byteLength; at += Math.max(1, Math.floor(bytes.byteLength / 12))) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
        await whole.client.put(key, damaged);
        // A match that copies the same bytes from elsewhere is another way to store the same content, and no damage.
        if (sameContent(damaged, bytes)) continue;
        await refusal();
        refused++;
      }
      await whole.client.put(key, bytes);
    }
    expect(refused).toBeGreaterThan(40);
  });

  it("two segments swapped", async () => {
    const [a, b] = [await stored(segment(4).key), await stored(segment(5).key)];
    await whole.client.put(segment(4).key, b);
    await whole.client.put(segment(5).key, a);
    expect((await refusal()).place).toMatchObject({ index: 1, offset: segment(4).offset });
  });

  it("a segment of another index under this one's name", async () => {
    await whole.client.put(segment(4).key, await stored(segment(7).key));
    expect((await refusal()).place).toMatchObject({ index: 1 });
  });

  it("a proof that belongs to another index", async () => {
    const { key, bytes } = segment(3);
    await whole.client.put(
      key,
      Buffer.concat([encodeProof({ version: 1, previous: { index: 7, end: 32, s1: 1, s2: 2 } }), compressAll(bytes)]),
    );
    await refusal();
  });

  it("a snapshot of the wrong content, found by SQLite's own check", async () => {
    const bytes = Buffer.from(decompressAll(await stored(snapshotKey(generation, 0))));
    bytes.fill(0x5a, 1024);
    await whole.client.put(snapshotKey(generation, 0), compressAll(bytes));
    for (const { index, offset } of whole.segments) await whole.client.delete([segmentKey(generation, index, offset)]);
    await refusal();
  });

  it("a segment of nothing", async () => {
    const { key, index, offset } = segment(8);
    await whole.client.put(key, compressAll(new Uint8Array(0)));
    expect((await refusal()).place).toMatchObject({ index, offset });
  });

  it("a last segment that ends inside a transaction: Litewake ends each on a commit", async () => {
    const { key, index, bytes } = segment(8);
    await whole.client.put(key, compressAll(bytes.subarray(0, bytes.byteLength - frameBytes(1024))));
    const error = await refusal();
    expect(error.place).toMatchObject({ index });
    expect(error.message).toMatch(/ends inside a transaction/);
  });

  it("the tail of an index, where that index is asked for", async () => {
    await whole.client.delete([segment(5).key]);
    const asked = restore({
      replicas: [{ name: "memory", client: whole.client }],
      output: output(),
      target: { index: 1 },
    });
    await expect(asked).rejects.toMatchObject({ kind: "damaged", place: { index: 1, offset: segment(5).offset } });
  });

  it("what lies just after a moment that is asked for: it may have been old enough", async () => {
    const { at, key } = segment(3);
    const asked = (timestamp: Date) =>
      restore({ replicas: [{ name: "memory", client: whole.client }], output: output(), target: { timestamp } });
    await whole.client.delete([segment(4).key]);
    await expect(asked(at)).rejects.toMatchObject({ kind: "damaged", place: { index: 1, offset: segment(4).offset } });
    await whole.client.delete([key, segment(5).key]);
    await expect(asked(segment(2).at)).rejects.toMatchObject({ kind: "damaged", place: { index: 1, offset: 0 } });
  });

  it("what SQLite finds, in one line", async () => {
    const bytes = Buffer.from(decompressAll(await stored(snapshotKey(generation, 0))));
    bytes.writeUInt32BE(0x08000000, 32);
    for (const { index, offset } of whole.segments) await whole.client.delete([segmentKey(generation, index, offset)]);
    await whole.client.put(snapshotKey(generation, 0), compressAll(bytes));
    expect((await refusal()).message).toMatch(/^SQLite finds .*Freelist.*$/);
  });

  it("two names for one place", async () => {
    await whole.client.put(
      `generations/${generation}/wal/00000001_${"0".repeat(9)}.wal.lz4`,
      await stored(segment(3).key),
    );
    const error = await run().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: "damaged" });
  });
});

describe("refused, since it belongs elsewhere:", () => {
  const other = "0123456789abcdef" as Generation;
  let twin: SampleReplica;
  beforeEach(async () => {
    twin = await sampleReplica(fs.mkdtempSync(folder.join("twin-")), { generation: other, snapshots: [0, 2] });
  });
  const move = async (from: string, to: string) => {
    const parts: Uint8Array[] = [];
    for await (const part of await twin.client.get(from)) parts.push(part);
    await whole.client.put(to, Buffer.concat(parts));
  };

  it("a snapshot of another generation", async () => {
    await move(snapshotKey(other, 0), snapshotKey(generation, 0));
    expect((await refusal()).message).toContain(`belongs to generation ${other}`);
  });

  it("a snapshot of another index", async () => {
    const here = await sampleReplica(fs.mkdtempSync(folder.join("here-")), { snapshots: [0, 2] });
    for await (const { key } of here.client.list("")) {
      const object = here.client.objects.get(key);
      if (object !== undefined && !key.includes("snapshots/00000000")) whole.client.objects.set(key, object);
    }
    const first = here.client.objects.get(snapshotKey(generation, 0));
    await whole.client.put(snapshotKey(generation, 2), first?.bytes ?? new Uint8Array(0));
    expect((await refusal()).message).toContain("belongs to index 00000000");
  });

  it("the first WAL of another generation, though nothing comes after it", async () => {
    const rest = whole.segments.filter(({ index, offset }) => index > 0 || offset > 0);
    await whole.client.delete(rest.map(({ index, offset }) => segmentKey(generation, index, offset)));
    await move(segmentKey(other, 0, 0), segmentKey(generation, 0, 0));
    expect((await refusal()).message).toContain(`belongs to generation ${other}`);
  });

  it("one WAL under two indexes, where nothing else tells", async () => {
    const plain = await sampleReplica(fs.mkdtempSync(folder.join("plain-")), { proofs: false, indexes: 1 });
    const { bytes } = plain.client.objects.get(segmentKey(generation, 0, 0)) ?? { bytes: new Uint8Array(0) };
    await plain.client.put(segmentKey(generation, 1, 0), bytes);
    expect((await refusal(plain.client)).message).toContain("the same WAL as index 00000000");
  });
});

describe("not refused:", () => {
  it("foreign names beside ours, and skippable frames that say nothing to us", async () => {
    const { key } = segment(0);
    await whole.client.put(
      key,
      Buffer.concat([encodeSkippableFrame(Buffer.from("somebody else's")), await stored(key)]),
    );
    await whole.client.put(`generations/${generation}/wal/notes.txt`, new Uint8Array(3));
    await run();
    expect(Buffer.compare(fs.readFileSync(output()), whole.final)).toBe(0);
  });

  it("the end of the last index: what was not shipped yet cannot be missed", async () => {
    await whole.client.delete([segment(8).key]);
    const result = await run();
    expect(result.position).toMatchObject({ index: 2, offset: segment(8).offset });
  });
});

describe("several replicas", () => {
  it("when the newest is damaged, the next is restored", async () => {
    const other = memoryClient();
    for await (const { key } of whole.client.list("")) await other.put(key, await stored(key));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await other.put(segment(8).key, new Uint8Array(3));
    const result = await restore({
      replicas: [
        { name: "damaged", client: other },
        { name: "sound", client: whole.client },
      ],
      output: output(),
    });
    expect(result.replica).toBe("sound");
    expect(Buffer.compare(fs.readFileSync(output()), whole.final)).toBe(0);
  });

  it("with no backup in any of them, that is the answer; with a hole in one, that", async () => {
    const empty = { name: "empty", client: memoryClient() };
    await expect(planRestore({ replicas: [empty, empty] })).rejects.toMatchObject({ kind: "no-backup" });
    await whole.client.delete([segment(4).key]);
    const error = await restore({ replicas: [empty, { name: "holed", client: whole.client }], output: output() }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ kind: "damaged" });
  });
});

describe("the output", () => {
  it("is never overwritten, nor are another database's leavings taken for its own", async () => {
    fs.mkdirSync(folder.join("out"));
    fs.writeFileSync(output(), "mine");
    await expect(run()).rejects.toMatchObject({ kind: "refused" });
    expect(fs.readFileSync(output(), "utf8")).toBe("mine");
    fs.rmSync(output());
    fs.writeFileSync(`${output()}-wal`, "stale");
    await expect(run()).rejects.toMatchObject({ kind: "refused" });
  });

  it("does not appear when the restore is cancelled", async () => {
    const stop = AbortSignal.abort();
    await expect(
      restore({ replicas: [{ name: "memory", client: whole.client }], output: output(), signal: stop }),
    ).rejects.toBeInstanceOf(Error);
    expect(fs.existsSync(output())).toBe(false);
  });
});

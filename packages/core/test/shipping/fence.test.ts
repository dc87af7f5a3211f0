// A history that is fenced off: the same state is restored, whatever comes in late, and a boot goes on behind the fence.
import fs from "node:fs";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { overriding } from "../../src/backend/overriding.ts";
import { compressAll } from "../../src/codec/lz4-stream.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import { restore } from "../../src/restore/restore.ts";
import type { RestoreTarget } from "../../src/restore/target.ts";
import { fence } from "../../src/shipping/fence.ts";
import { newestGeneration, readShippedTail } from "../../src/shipping/shipped-tail.ts";
import { verify } from "../../src/verify/verify.ts";
import { sampleGeneration as generation, sampleReplica, type SampleReplica } from "../fixtures/sample-replica.ts";

let folder: TempDir;
let whole: SampleReplica;

beforeEach(async () => {
  folder = tempDir("fence");
  whole = await sampleReplica(folder.path);
});

afterEach(() => folder.remove());

async function restored(client: ReplicaClient, target: RestoreTarget = {}) {
  const output = folder.join("restored.db");
  fs.rmSync(output, { force: true });
  const result = await restore({ replicas: [{ name: "memory", client }], output, target });
  return { ...result, bytes: fs.readFileSync(output) };
}

const keysIn = async (client: ReplicaClient): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of client.list("generations/")) keys.push(key);
  return keys;
};

function end(): { index: number; offset: number } {
  const last = whole.segments.at(-1);
  if (last === undefined) throw new Error("no segment");
  return { index: last.index, offset: last.offset + last.bytes.byteLength };
}

describe("a fence", () => {
  it.each([0, 1, 2])("does not stand between a restored state and its place, %i of them", async (fences) => {
    const { client, final } = whole;
    for (let n = 0; n < fences; n++) await fence(client);
    const { position, snapshotIndex } = await restored(client);
    const again = await restored(client, { place: { ...position, snapshot: snapshotIndex } });
    expect(again.bytes.equals(final)).toBe(true);
    expect(again.position).toEqual(position);
  });

  it.each([1, 2])("right behind a snapshot leaves the snapshot's place, %i of them", async (fences) => {
    const { client } = whole;
    const keys = await keysIn(client);
    await client.delete(keys.filter((key) => key.includes("/wal/")));
    await client.delete(keys.filter((key) => key.includes("/snapshots/")).slice(1));
    const before = await restored(client);
    for (let n = 0; n < fences; n++) await fence(client);
    const { position, snapshotIndex, bytes } = await restored(client);
    expect(bytes.equals(before.bytes)).toBe(true);
    const again = await restored(client, { place: { ...position, snapshot: snapshotIndex } });
    expect(again.bytes.equals(before.bytes)).toBe(true);
  });

  it("takes the two names that can be the next, changes no restore, and is put again by the next owner", async () => {
    const { client, final } = whole;
    const before = await keysIn(client);
    await fence(client);
    const { index, offset } = end();
    const names = [segmentKey(generation, index, offset), segmentKey(generation, index + 1, 0)];
    expect((await keysIn(client)).filter((key) => !before.includes(key))).toEqual(names);
    const { bytes, position, provenEnds, integrityCheck } = await restored(client);
    expect(bytes.equals(final)).toBe(true);
    expect({ position, provenEnds, integrityCheck }).toEqual({
      position: { generation, index, offset },
      provenEnds: true,
      integrityCheck: "quick",
    });
    for (const key of names) {
      await expect(client.put(key, compressAll(Buffer.from("late")), { ifAbsent: true })).rejects.toMatchObject({
        code: "Conflict",
      });
    }
    // The one that fenced may have begun the index behind its fence.
    await fence(client);
    expect((await keysIn(client)).at(-1)).toBe(segmentKey(generation, index + 2, 0));
    expect((await restored(client)).bytes.equals(final)).toBe(true);
  });

  it("says where the history before it ends, and is verified as a part of it", async () => {
    const { client } = whole;
    await fence(client);
    const { record } = await newestGeneration(client, {});
    if (record === undefined) throw new Error("no generation");
    const tail = await readShippedTail(client, record, 1024, undefined);
    expect(tail).toMatchObject({ index: end().index + 1, offset: 0, fence: { index: end().index, end: end().offset } });
    const report = await verify({ replica: { name: "memory", client } });
    expect(report.findings).toEqual([]);
    expect(report.generations.map(({ newest }) => newest)).toMatchObject([{ index: end().index + 1, offset: 0 }]);
  });

  it("goes behind what came in while it was made", async () => {
    const { client } = whole;
    const last = whole.segments.at(-1);
    if (last === undefined) throw new Error("no segment");
    // The last segment arrives just before the fence that would take its name.
    const lateKey = segmentKey(generation, last.index, last.offset);
    await client.delete([lateKey]);
    let isLate = true;
    const racing = overriding(client, {
      put: async (key, body, options) => {
        if (isLate) await client.put(lateKey, compressAll(last.bytes));
        isLate = false;
        return client.put(key, body, options);
      },
    });
    await fence(racing);
    expect((await restored(client)).bytes.equals(whole.final)).toBe(true);
    expect(await keysIn(client)).toContain(segmentKey(generation, last.index + 1, 0));
  });

  it("that was left half by a process that died is finished by the next", async () => {
    const { client } = whole;
    let puts = 0;
    const dying = overriding(client, {
      put: async (key, body, options) => {
        if (puts++ > 0) throw new Error("dead");
        return client.put(key, body, options);
      },
    });
    await expect(fence(dying)).rejects.toThrow("dead");
    expect((await restored(client)).bytes.equals(whole.final)).toBe(true);
    await fence(client);
    const { position, provenEnds, bytes } = await restored(client);
    expect({ position, provenEnds }).toMatchObject({ position: end(), provenEnds: true });
    expect(bytes.equals(whole.final)).toBe(true);
  });

  it("of a history that is a snapshot only takes the one name that can be the next", async () => {
    const { client } = whole;
    const later = "00000000000000aa" as typeof generation;
    await client.put(snapshotKey(later, 0), compressAll(whole.final));
    await fence(client);
    expect((await keysIn(client)).filter((key) => key.includes(later) && key.includes("/wal/"))).toEqual([
      segmentKey(later, 0, 0),
    ]);
    expect((await restored(client)).bytes.equals(whole.final)).toBe(true);
  });

  it("is not put where there is nothing, and where the end cannot be proved", async () => {
    const { client } = whole;
    const { index, offset } = whole.segments.at(-1) ?? { index: 0, offset: 0 };
    await client.put(segmentKey(generation, index, offset), Buffer.from("damaged"));
    const before = await keysIn(client);
    await fence(client);
    expect(await keysIn(client)).toEqual(before);
    await client.delete(before);
    await fence(client);
    expect(await keysIn(client)).toEqual([]);
  });
});

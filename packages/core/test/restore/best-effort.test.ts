// -best-effort: the newest point that can be proved, and what it costs; whatever a refusal names can be had.
import fs from "node:fs";
import { tempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { compressAll, decompressAll } from "../../src/codec/lz4-stream.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { RestoreRefusal } from "../../src/restore/refusal.ts";
import { planRestore, restore, type RestoreRequest } from "../../src/restore/restore.ts";
import { sampleGeneration as generation, sampleReplica, type SampleReplica } from "../fixtures/sample-replica.ts";

let folder: ReturnType<typeof tempDir>;
let whole: SampleReplica;
let runs = 0;

beforeEach(async () => {
  folder = tempDir("best-effort");
  whole = await sampleReplica(folder.path, { snapshots: [0, 2] });
});
afterEach(() => folder.remove());

const run = (more: Partial<RestoreRequest> = {}) =>
  restore({
    replicas: [{ name: "memory", client: whole.client }],
    output: folder.join(`restored-${runs++}.db`),
    bestEffort: true,
    ...more,
  });
const key = (index: number, number: number): string => {
  const segment = whole.segments.filter((one) => one.index === index)[number];
  return segmentKey(generation, index, segment?.offset ?? 0);
};
const spoil = (name: string) => whole.client.put(name, Buffer.from("spoiled"));
/** The same date as before. */
const replace = (name: string, bytes: Uint8Array) => {
  const object = whole.client.objects.get(name);
  if (object !== undefined) whole.client.objects.set(name, { ...object, bytes });
};

it("of a whole replica says nothing", async () => {
  expect((await run()).bestEffort).toBeUndefined();
});

it("goes to the end of the segment before the damaged one, and says what is left out", async () => {
  replace(key(2, 1), Buffer.from("spoiled"));
  const refused = await run({ bestEffort: false }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RestoreRefusal);
  expect(refused).toMatchObject({ provable: { generation, index: 2, offset: 0 } });
  expect((refused as Error).message).toMatch(/newest point before it: .*\/00000002:0 of 2026.*-best-effort/);
  const { position, bestEffort } = await run();
  const second = whole.segments.filter(({ index }) => index === 2)[1];
  expect(position).toEqual({ generation, index: 2, offset: second?.offset });
  expect(bestEffort).toMatchObject({
    complete: false,
    damage: [{ place: { index: 2 } }],
    newest: { generation, index: 2, moment: whole.segments.at(-1)?.at },
    leftOut: { objects: 2, first: key(2, 1), last: key(2, 2) },
  });
});

it("goes round a damaged snapshot by the one before: nothing is missing then", async () => {
  await spoil(snapshotKey(generation, 2));
  const { snapshotIndex, bestEffort, pages } = await run();
  expect(snapshotIndex).toBe(0);
  expect(bestEffort).toMatchObject({ complete: true, leftOut: { objects: 0 } });
  expect(pages * 1024).toBe(whole.final.byteLength);
});

it("goes round it up to another damage", async () => {
  replace(snapshotKey(generation, 2), Buffer.from("spoiled"));
  replace(key(1, 0), Buffer.from("spoiled"));
  const { position, bestEffort } = await run();
  expect(position).toMatchObject({ index: 0 });
  expect(bestEffort?.damage).toHaveLength(2);
});

it("goes to an older generation where the newest cannot be used", async () => {
  const newer = "ffffffffffffffff" as Generation;
  const more = await sampleReplica(fs.mkdtempSync(folder.join("more-")), { generation: newer, client: whole.client });
  await whole.client.delete([snapshotKey(newer, 0)]);
  await expect(run({ bestEffort: false })).rejects.toMatchObject({ kind: "damaged", place: { generation: newer } });
  const { position, bestEffort } = await run();
  expect(position).toMatchObject({ generation, index: 2 });
  expect(bestEffort).toMatchObject({ complete: false, newest: { generation: newer }, leftOut: { objects: 9 } });
  expect(more.segments).toHaveLength(9);
});

it("does not believe a snapshot of unknown age without the WAL of its own index", async () => {
  const plain = await sampleReplica(fs.mkdtempSync(folder.join("plain-")), { proofs: false, snapshots: [0, 2] });
  const replicas = [{ name: "memory", client: plain.client }];
  await plain.client.delete([segmentKey(generation, 2, 0)]);
  const { position, snapshotIndex } = await run({ replicas });
  expect([position.index, snapshotIndex]).toEqual([1, 0]);
});

it("believes SQLite where it finds the result damaged, and goes back before what nothing proves", async () => {
  await whole.client.delete([0, 1, 2].map((number) => key(2, number)));
  const copy = Buffer.from(decompressAll(whole.client.objects.get(snapshotKey(generation, 2))?.bytes ?? copyOfNothing));
  copy.fill(0x5a, 1024);
  replace(snapshotKey(generation, 2), compressAll(copy));
  const { snapshotIndex, bestEffort } = await run();
  expect(snapshotIndex).toBe(0);
  expect(bestEffort?.damage[0]?.what).toMatch(/SQLite finds/);
});

it("is refused, with nothing left, where not one point can be proved", async () => {
  await spoil(snapshotKey(generation, 0));
  await spoil(snapshotKey(generation, 2));
  await expect(run()).rejects.toThrow(/^no point can be proved \(2 objects are damaged\); .*generation=/);
  expect(fs.readdirSync(folder.path).filter((name) => name.startsWith("restored"))).toEqual([]);
});

it("stays within what was asked for, and takes no exact place", async () => {
  replace(key(1, 2), Buffer.from("spoiled"));
  const { position } = await run({ target: { index: 1 } });
  expect(position).toMatchObject({ index: 1, offset: whole.segments[5]?.offset });
  const place = { generation, index: 1, offset: 32, snapshot: 0 };
  await expect(run({ target: { place } })).rejects.toMatchObject({ kind: "usage" });
});

it("is not asked of one replica while another is whole; of several damaged ones it takes the newest", async () => {
  const sound = await sampleReplica(fs.mkdtempSync(folder.join("sound-")));
  replace(key(2, 1), Buffer.from("spoiled"));
  const both = [
    { name: "damaged", client: whole.client },
    { name: "sound", client: sound.client },
  ];
  expect(await run({ replicas: both })).toMatchObject({ replica: "sound" });
  await sound.client.delete([segmentKey(generation, 0, 0)]);
  const { replica, bestEffort } = await run({ replicas: both });
  expect(replica).toBe("damaged");
  expect(bestEffort?.damage).toHaveLength(2);
});

it("shows its plan", async () => {
  await whole.client.delete([key(2, 0)]);
  const replicas = [{ name: "memory", client: whole.client }];
  await expect(planRestore({ replicas })).rejects.toMatchObject({ kind: "damaged" });
  const { plan } = await planRestore({ replicas, bestEffort: true });
  expect(plan).toMatchObject({ stop: "hole", snapshot: { index: 2 }, segmentCount: 0 });
});

const copyOfNothing = compressAll(new Uint8Array(2048));

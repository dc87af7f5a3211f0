// Encrypted replicas over a process's life: nothing in clear, answers lost, keys missing, turned on, turned off, changed.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { compareDatabases, spawnWriter, tempDir, type TempDir } from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { describe, expect, it } from "vitest";
import { compressAll, decompressAll } from "../../src/codec/lz4-stream.ts";
import { encrypted } from "../../src/encryption.ts";
import { unencrypted } from "../../src/index.ts";
import { restore } from "../../src/restore/restore.ts";
import { verify } from "../../src/verify/verify.ts";
import { decryptedByLibrary, encryptedByLibrary, type KeyPair, keyPair, loadKeys } from "../encryption/age-fixtures.ts";
import { generationsIn, objectsIn, Replicator, startReplicator } from "../fixtures/replica-run.ts";
import type { ReplicatorOptions } from "../fixtures/replicator.ts";

const mine = await keyPair();
const others = await keyPair();
const ours = { identities: [mine.identity], recipients: [mine.recipient] };
const commit = async (database: string, commits: number, payloadBytes = 100) =>
  (await spawnWriter("node-sqlite", database, { commits, payloadBytes })).finished();

interface Place {
  readonly database: string;
  readonly replica: string;
  readonly options: (more?: Partial<ReplicatorOptions>) => ReplicatorOptions;
}

function placeIn(folder: TempDir): Place {
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  return {
    database,
    replica,
    options: (more = {}) => ({ database, replicas: [`file://${replica}`], age: ours, ...more }),
  };
}

/** Commits, ships it, stops; resolves with the reasons for new generations. */
async function ship({ database, options }: Place, more: Partial<ReplicatorOptions> = {}): Promise<string[]> {
  await using replicator = await startReplicator(options(more));
  await commit(database, 5);
  await replicator.synced();
  await replicator.stop();
  return replicator.reasons;
}

async function refusal(
  { options }: Place,
  more: Partial<ReplicatorOptions>,
): Promise<{ kind: string; message: string }> {
  await using replicator = new Replicator(options(more));
  return JSON.parse(await replicator.process.waitFor(/"event":"(?:refused|failed)"/));
}

async function restoredWith({ replica }: Place, keys: KeyPair | undefined): Promise<string> {
  const store = await file.open({ url: `file://${replica}`, settings: {}, env: {} });
  const client = keys === undefined ? unencrypted(store) : encrypted(store, await loadKeys([keys.identity], []));
  const output = tempDir("decrypted").join("restored.db");
  await restore({ replicas: [{ name: "replica", client }], output, integrityCheck: "full" });
  return output;
}

function isEncrypted(file: string): boolean {
  return fs.readFileSync(file).subarray(0, 22).toString("latin1") === "age-encryption.org/v1\n";
}

function everyFile(folder: string): string[] {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

describe("no object holds anything of a page in clear", () => {
  /** What was found of the database in the store's bytes: as it is, or as LZ4 lays it down. */
  function foundIn(replica: string, database: string): { readonly pieces: number; readonly found: string[] } {
    const pieces = piecesOf(database);
    const found: string[] = [];
    for (const name of everyFile(replica)) {
      const stored = fs.readFileSync(name);
      for (const piece of pieces) if (stored.includes(piece)) found.push(name);
      let plain: Buffer | undefined;
      try {
        plain = Buffer.from(decompressAll(stored));
      } catch {
        continue;
      }
      if (pieces.some((piece) => plain.includes(piece))) found.push(`${name}, decompressed`);
    }
    return { pieces: pieces.length, found };
  }

  // Of each page some bytes that do not compress, and the LZ4 blocks of whole pages.
  function piecesOf(database: string): Buffer[] {
    const bytes = fs.readFileSync(database);
    const pieces: Buffer[] = [Buffer.from("SQLite format 3\0"), Buffer.from("CREATE TABLE")];
    for (let page = 0; page + 4096 <= bytes.byteLength; page += 4096) {
      const whole = bytes.subarray(page, page + 4096);
      if (page > 0 && new Set(whole).size < 100) continue;
      for (const at of [1000, 2000, 3000, 4064]) {
        const piece = whole.subarray(at, at + 24);
        if (new Set(piece).size > 12) pieces.push(Buffer.from(piece));
      }
      pieces.push(Buffer.from(compressAll(whole)).subarray(60, 100));
    }
    return pieces;
  }

  async function runWith(
    age: ReplicatorOptions["age"],
  ): Promise<{ pieces: number; found: string[]; objects: string[] }> {
    using folder = tempDir("clear");
    const place = placeIn(folder);
    {
      await using replicator = await startReplicator(place.options({ age, snapshotIntervalMs: 300 }));
      await commit(place.database, 60, 3000);
      await replicator.synced();
      await commit(place.database, 60, 3000);
      await replicator.synced();
      await replicator.stop();
    }
    using database = new DatabaseSync(place.database);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return { ...foundIn(place.replica, place.database), objects: objectsIn(place.replica, "") };
  }

  it("segments, snapshots, and what lies beside them", async () => {
    const { pieces, found, objects } = await runWith(ours);
    expect(found).toEqual([]);
    expect(pieces).toBeGreaterThan(200);
    expect(objects.some((name) => name.includes("/snapshots/"))).toBe(true);
    expect(objects.some((name) => name.includes("/wal/"))).toBe(true);
  });

  it("and the search finds what is not encrypted", async () => {
    const { found } = await runWith(undefined);
    expect(found.some((name) => name.includes("/snapshots/"))).toBe(true);
    expect(found.some((name) => name.includes("/wal/"))).toBe(true);
  });
});

describe("a put whose answer was lost", () => {
  it.each([
    ["with an identity", ours],
    ["with recipients alone", { identities: [], recipients: [mine.recipient] }],
  ])("is known again although it was encrypted anew, %s", async (_how, age) => {
    using folder = tempDir("lost");
    const place = placeIn(folder);
    await using replicator = await startReplicator(place.options({ age, loseAnswers: true }));
    for (let round = 0; round < 3; round++) {
      await commit(place.database, 5);
      await replicator.synced(30_000);
    }
    await replicator.stop();
    const segments = objectsIn(place.replica, "/wal/").length;
    expect(segments).toBeGreaterThanOrEqual(2);
    expect(replicator.events.filter(({ event }) => event === "lost")).toHaveLength(segments);
    expect(replicator.reasons).toHaveLength(1);
    expect(compareDatabases(place.database, await restoredWith(place, mine))).toEqual([]);
  });

  it("another's object in its place is another's: it cannot even be read", async () => {
    using folder = tempDir("another");
    const place = placeIn(folder);
    await using replicator = await startReplicator(place.options());
    await commit(place.database, 5);
    await replicator.synced();
    const [first = ""] = objectsIn(place.replica, "/wal/");
    const offset = decompressAll(
      await decryptedByLibrary(fs.readFileSync(path.join(place.replica, first)), mine.identity),
    ).byteLength;
    const next = first.replace(/_\w+/, `_${offset.toString(16).padStart(8, "0")}`);
    fs.writeFileSync(path.join(place.replica, next), await encryptedByLibrary(Buffer.from("x"), [others.recipient]));
    await commit(place.database, 5);
    await replicator.process.waitFor(/replication stopped.*was written by another process/, 30_000);
  });
});

describe("encryption turned on in a replica's life", () => {
  it("begins a generation of its own; the one before stays restorable without keys", async () => {
    using folder = tempDir("on");
    const place = placeIn(folder);
    await commit(place.database, 5);
    await ship(place, { age: undefined });
    const [plainGeneration = ""] = generationsIn(place.replica);
    expect(await ship(place)).toEqual(["encryption was turned on"]);
    expect(await ship(place)).toEqual([]);
    const objects = objectsIn(place.replica, "");
    for (const name of objects)
      expect(isEncrypted(path.join(place.replica, name)), name).toBe(!name.includes(plainGeneration));
    expect(compareDatabases(place.database, await restoredWith(place, mine))).toEqual([]);
    const store = await file.open({ url: `file://${place.replica}`, settings: {}, env: {} });
    const client = encrypted(store, await loadKeys([mine.identity], []));
    const report = await verify({ replica: { name: "replica", client } });
    expect(report.sound).toBe(true);
    expect(report.generations).toHaveLength(1);
    const note = {
      kind: "note",
      generation: plainGeneration,
      what: "it is not encrypted, although age keys are given",
    };
    expect(report.findings).toMatchObject([note]);
    fs.rmSync(
      path.join(
        place.replica,
        "generations",
        generationsIn(place.replica).find((id) => id !== plainGeneration) ?? "none",
      ),
      { recursive: true },
    );
    await restoredWith(place, undefined);
    await expect(restoredWith(place, mine)).rejects.toThrow(/is not encrypted, although age keys are given/);
  });

  it("also where the generation has a snapshot and nothing more", async () => {
    using folder = tempDir("on-snapshot");
    const place = placeIn(folder);
    await commit(place.database, 5);
    {
      await using replicator = await startReplicator(place.options({ age: undefined }));
      await replicator.stop();
    }
    expect(objectsIn(place.replica, "/wal/")).toEqual([]);
    expect(await ship(place)).toEqual(["encryption was turned on"]);
  });
});

describe("a replica that cannot be read with the keys given", () => {
  it.each([
    ["encryption turned off", undefined, /is encrypted with age, and no age keys are given/],
    [
      "other keys",
      { identities: [others.identity], recipients: [others.recipient] },
      /none of the identities given opens it/,
    ],
  ])("%s: refused, and with -new-history a generation of its own", async (_what, age, line) => {
    using folder = tempDir("keys");
    const place = placeIn(folder);
    await commit(place.database, 5);
    await ship(place);
    const { kind, message } = await refusal(place, { age });
    expect(kind).toBe("refused");
    expect(message).toMatch(line);
    expect(message).toMatch(/-new-history$/);
    expect(message).not.toContain("\n");
    expect(generationsIn(place.replica)).toHaveLength(1);
    const reasons = await ship(place, { age, newHistory: true });
    expect(reasons).toHaveLength(1);
    expect(compareDatabases(place.database, await restoredWith(place, age === undefined ? undefined : others))).toEqual(
      [],
    );
  });

  it("recipients alone: each start begins a generation, which the identity restores", async () => {
    using folder = tempDir("recipients");
    const place = placeIn(folder);
    await commit(place.database, 5);
    const age = { identities: [], recipients: [mine.recipient] };
    await ship(place, { age });
    expect(await ship(place, { age })).toEqual([
      "the replica is encrypted, and there is no age identity to read its end with",
    ]);
    expect(generationsIn(place.replica)).toHaveLength(2);
    expect(compareDatabases(place.database, await restoredWith(place, mine))).toEqual([]);
  });

  it("recipients alone, and the database is gone: refused", async () => {
    using folder = tempDir("gone");
    const place = placeIn(folder);
    await commit(place.database, 5);
    const age = { identities: [], recipients: [mine.recipient] };
    await ship(place, { age });
    for (const name of fs.readdirSync(folder.path))
      if (name !== "replica") fs.rmSync(folder.join(name), { recursive: true });
    const { kind, message } = await refusal(place, { age });
    expect(kind).toBe("refused");
    expect(message).toMatch(/does not exist yet, but the replica holds history/);
    const made = new DatabaseSync(place.database);
    made.exec("PRAGMA journal_mode=wal; PRAGMA user_version=1");
    made.close();
    const empty = await refusal(place, { age });
    expect(empty.message).toMatch(/is new or empty, but the replica is not/);
  });

  it("a new key beside the old one goes on in the same generation", async () => {
    using folder = tempDir("rotated");
    const place = placeIn(folder);
    await commit(place.database, 5);
    await ship(place);
    const age = { identities: [others.identity, mine.identity], recipients: [others.recipient] };
    expect(await ship(place, { age })).toEqual([]);
    await expect(restoredWith(place, others)).rejects.toThrow(/none of the identities given opens it/);
  });
});

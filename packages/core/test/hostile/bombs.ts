// Runs one attack on this process's memory and tells, as JSON, how it ended and how much memory was ever in use. A program of
// its own, since the peak of a process never sinks.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryClient } from "@litewake/conformance";
import { tempDir } from "@litewake-tooling/testkit";
import type { ObjectInfo } from "../../src/backend/client.ts";
import { compressAll } from "../../src/codec/lz4-stream.ts";
import { findPoint, listPoints } from "../../src/fleet/points.ts";
import { readManifest } from "../../src/fleet/manifest.ts";
import { notedMembers } from "../../src/fleet/members.ts";
import { readCatalog } from "../../src/replica/catalog.ts";
import { segmentKey, snapshotKey } from "../../src/replica/layout.ts";
import type { Generation } from "../../src/replica/position.ts";
import { encodeProof } from "../../src/replica/proof.ts";
import { planRestore, restore } from "../../src/restore/restore.ts";
import { buildWal } from "../wal/wal-builder.ts";

const generation = "fd6faaf1f3752b45" as Generation;
const MILLION = 1_000_000;
const LATE_MS = 1500;

/** A store whose listing is made up as it is read. */
class Endless extends MemoryClient {
  readonly #names: (n: number) => string;

  constructor(names: (n: number) => string) {
    super();
    this.#names = names;
  }

  override async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const modifiedAt = new Date();
    for (let n = 0; n < MILLION; n++) {
      const key = this.#names(n);
      if (key.startsWith(prefix)) yield { key, size: 100, modifiedAt };
    }
  }
}

/** A store that gives one object late, so that everything behind it is read ahead. */
class Late extends MemoryClient {
  override async get(...call: Parameters<MemoryClient["get"]>): ReturnType<MemoryClient["get"]> {
    if (call[0] === segmentKey(generation, 0, 0)) await sleep(LATE_MS);
    return super.get(...call);
  }
}

/** A store in which every object is as long as somebody reads. */
class Bottomless extends MemoryClient {
  readonly #chunk: Uint8Array;
  given = 0;

  constructor(text: string) {
    super();
    this.#chunk = Buffer.from(text.repeat(Math.ceil((1 << 20) / text.length)));
  }

  override async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    yield { key: `${prefix}00000001.json`, size: 2 ** 40, modifiedAt: new Date() };
  }

  override async get(): ReturnType<MemoryClient["get"]> {
    const chunk = this.#chunk;
    const count = (bytes: number) => (this.given += bytes);
    return (async function* () {
      for (;;) {
        count(chunk.byteLength);
        yield chunk;
      }
    })();
  }
}

async function restored(client: MemoryClient): Promise<unknown> {
  using folder = tempDir("bomb");
  const refusal = await restore({ replicas: [{ name: "hostile", client }], output: folder.join("out.db") }).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (fs.readdirSync(folder.path).length > 0) throw new Error("something was left behind");
  throw refusal;
}

const page = Buffer.concat([Buffer.from("SQLite format 3\0\x10\0"), Buffer.alloc(4096 - 18)]);

/** Segments that stand for `plainBytes` of zeros each. */
async function segmentBomb(count: number, plainBytes: number): Promise<unknown> {
  const client = new Late();
  await client.put(snapshotKey(generation, 0), compressAll(page));
  const bomb = compressAll(Buffer.alloc(plainBytes));
  for (let n = 0; n < count; n++) await client.put(segmentKey(generation, 0, n * plainBytes), bomb);
  return restored(client);
}

const ATTACKS: Readonly<Record<string, () => Promise<unknown>>> = {
  nothing: async () => {},
  "small segments that expand": () => segmentBomb(60, 48 << 20),
  "large segments that expand": () => segmentBomb(24, 256 << 20),
  "a snapshot that expands beyond what its proof says": async () => {
    const client = new MemoryClient();
    const proof = encodeProof({ version: 1, position: { index: 0, offset: 0 }, pageSize: 4096, pages: 2 });
    const frame = compressAll(Buffer.concat([page, Buffer.alloc(256 << 20)]));
    await client.put(snapshotKey(generation, 0), Buffer.concat([proof, frame]));
    return restored(client);
  },
  "frames of pages far apart": async () => {
    const client = new MemoryClient();
    await client.put(snapshotKey(generation, 0), compressAll(page));
    const frames = Array.from({ length: 20_000 }, (_, n) => ({
      page: 1 + n * 200_000,
      data: n === 0 ? page : new Uint8Array(4096),
      commitPages: n === 19_999 ? 0xffffffff : 0,
    }));
    await client.put(
      segmentKey(generation, 0, 0),
      compressAll(buildWal({ pageSize: 4096, salt1: 1, salt2: 2 }, frames)),
    );
    return restored(client);
  },
  "a million generations": async () => {
    const client = new Endless((n) => `generations/${n.toString(16).padStart(16, "0")}/wal/00000000_00000000.wal.lz4`);
    return planRestore({ replicas: [{ name: "hostile", client }] });
  },
  "a million segments": () =>
    readCatalog(
      new Endless((n) => `generations/${generation}/wal/${n.toString(16).padStart(8, "0")}_00000000.wal.lz4`),
    ),
  "a million snapshots": () =>
    readCatalog(
      new Endless((n) => `generations/${generation}/snapshots/${n.toString(16).padStart(8, "0")}.snapshot.lz4`),
    ),
  "a million foreign names": () => readCatalog(new Endless((n) => `generations/${"x".repeat(60)}${n}`)),
  "a million points": () => listPoints(new Endless((n) => `litewake/points/at/${String(n).padStart(18, "0")}.json`)),
  "a million databases": () => notedMembers(new Endless((n) => `litewake/databases/tenant-${n}.json`)),
  "a manifest without end": () => readManifest(new Bottomless('{"version":1,"shards":["a","a","a"]},')),
  "a manifest of brackets": () => readManifest(new Bottomless("[")),
  "a point without end": () => findPoint(new Bottomless('{"a":'), { name: "x" }),
};

const run = ATTACKS[process.argv[2] ?? ""];
if (run === undefined) throw new Error(`no such attack; there are ${Object.keys(ATTACKS).join(", ")}`);
let end: { kind?: unknown; message?: string; name?: string } = {};
try {
  await run();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  end = { kind: "kind" in error ? error.kind : undefined, message: error.message, name: error.name };
}
const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(JSON.stringify({ ...end, mebibytes }));

// Litewake's own small objects as a hostile replica has them: manifest, points, pins, databases, lease.
import { MemoryClient } from "../../../../packages/conformance/src/memory-client.ts";
import { readManifest } from "../../../../packages/core/src/fleet/manifest.ts";
import { isMemberName } from "../../../../packages/core/src/fleet/member-name.ts";
import { notedMembers } from "../../../../packages/core/src/fleet/members.ts";
import { findPoint, listPoints, readPins } from "../../../../packages/core/src/fleet/points.ts";
import { Lease } from "../../../../packages/core/src/fleet/lease.ts";
import { isGeneration } from "../../../../packages/core/src/replica/position.ts";
import { silent } from "../../../../packages/core/src/logger.ts";
import { Broken, type FuzzTarget, proveRefusal } from "./target.ts";

const SEEDS = [
  {
    version: 1,
    epoch: 1,
    shards: ["shard_0", "shard_1"],
    hash: { bits: 32 },
    dlq: "dlq",
    resharding: { fromEpoch: 1, point: "p" },
  },
  {
    version: 1,
    name: "p",
    takenAt: "2026-11-25T00:00:00Z",
    epoch: 1,
    databases: { shard_0: ["fd6faaf1f3752b45", 0, 4152, 0] },
  },
  {
    version: 1,
    owner: { id: "a", host: "h", pid: 1, space: "s", began: "1" },
    ttlMs: 1,
    released: true,
    ending: false,
  },
];

const HOSTILE: readonly unknown[] = [null, -1, 1.5, 2 ** 60, "", "../x", "a\u0000", true, [], {}, [null], [["a"]]];

/** The value with each of its parts replaced by each hostile one. */
function* variants(value: unknown): Generator {
  yield* HOSTILE;
  if (typeof value !== "object" || value === null) return;
  for (const [key, part] of Object.entries(value))
    for (const other of variants(part))
      yield Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other };
}

async function maybe<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    proveRefusal(error);
    return undefined;
  }
}

/** The same bytes as every kind of object; what is read of them must make sense. */
export const ownObjects: FuzzTarget = {
  name: "objects",
  seeds: () => SEEDS.flatMap((value) => [value, ...variants(value)]).map((value) => Buffer.from(JSON.stringify(value))),
  words: [
    '"__proto__":',
    "null",
    "[]",
    "{}",
    "-1",
    "1e400",
    "1.5",
    '"../x"',
    '"a\\u0000"',
    ',"version":2',
    '"ttlMs":1e9',
    "9007199254740993",
  ],
  most: 1500,
  async run(bytes) {
    const objects = new Map<string, { bytes: Uint8Array; modifiedAt: Date }>();
    const client = new MemoryClient({ objects });
    const body = { bytes, modifiedAt: new Date(0) };
    const names = [
      "manifest/00000001",
      "points/named/p",
      "points/at/20261125T000000000Z",
      "pins/p",
      "lease/000000000001",
    ];
    for (const name of names) objects.set(`litewake/${name}.json`, body);
    const name = Buffer.from(bytes).toString("utf8").slice(0, 100);
    objects.set(`litewake/databases/${name}.json`, body);
    const manifest = await maybe(() => readManifest(client));
    for (const shard of manifest?.shards ?? []) if (!isMemberName(shard)) throw new Broken(`a shard is ${shard}`);
    for (const member of (await maybe(() => notedMembers(client))) ?? [])
      if (!isMemberName(member)) throw new Broken(`a database is ${member}`);
    await maybe(() => listPoints(client));
    await maybe(() => readPins(client));
    const point = await maybe(() => findPoint(client, { name: "p" }));
    for (const { generation, index, offset } of point?.places.values() ?? [])
      if (!isGeneration(generation) || !(index >= 0 && offset >= 0)) throw new Broken("a place is none");
    // Held by whoever it says: waited for no longer than it lives.
    const lease = new Lease({ client, ttlMs: 1000, takeOver: true, logger: silent });
    await maybe(() =>
      lease.acquire(AbortSignal.timeout(20)).catch((error: unknown) => {
        if (!(error instanceof Error && error.name === "AbortError")) throw error;
      }),
    );
    await lease.release();
  },
};

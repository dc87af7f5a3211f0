// Names and small objects that a hostile replica holds: none leads out of a folder, none says more than a line.
import fs from "node:fs";
import { MemoryClient } from "@litewake/conformance";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ReplicaError } from "../../src/backend/error.ts";
import { LitewakeError, oneLine } from "../../src/errors.ts";
import { isMemberName } from "../../src/fleet/member-name.ts";
import { notedMembers } from "../../src/fleet/members.ts";
import { readManifest } from "../../src/fleet/manifest.ts";
import { findPoint, listPoints, pinnedNames } from "../../src/fleet/points.ts";
import { restoreFleet } from "../../src/fleet/restore-fleet.ts";
import { Staging, stagedName } from "../../src/fleet/staging.ts";
import { reshard } from "../../src/fleet/reshard/reshard.ts";
import { silent } from "../../src/logger.ts";
import { catalogOf } from "../../src/replica/catalog.ts";
import { readOwn } from "../../src/replica/own-object.ts";
import { chooseGeneration } from "../../src/restore/target.ts";
import type { Generation } from "../../src/replica/position.ts";

let folder: TempDir;
let client: MemoryClient;
beforeEach(() => {
  folder = tempDir("hostile");
  client = new MemoryClient();
});
afterEach(() => folder[Symbol.dispose]());

/** As somebody puts it who goes past our client, which would refuse the key. */
function plant(key: string, value: unknown): void {
  const bytes = typeof value === "string" ? Buffer.from(value) : Buffer.from(JSON.stringify(value));
  client.objects.set(key, { bytes, modifiedAt: new Date() });
}

const BAD_NAMES = [
  "..",
  "../x",
  "a/../../x",
  "/etc/passwd",
  "a//b",
  "",
  ".",
  "a/./b",
  ".ssh/authorized_keys",
  "a/.hidden",
  "a\0b",
  "\ud800",
  "litewake",
  "litewake/manifest",
  "x".repeat(901),
];

describe("a database's name", () => {
  it.each(BAD_NAMES)("is not %j", (name) => expect(isMemberName(name)).toBe(false));

  it.each(["shard_0", "tenants/a", "ä/ö", "a b", "..a/b..", "a\\b"].filter((name) => !name.startsWith(".")))(
    "may be %j",
    (name) => expect(isMemberName(name)).toBe(true),
  );

  it.each(BAD_NAMES.filter((name) => name !== ""))("%j in a listing of databases is damage", async (name) => {
    plant(`litewake/databases/${name}.json`, { version: 1 });
    await expect(notedMembers(client)).rejects.toMatchObject({
      kind: "damaged",
      message: expect.stringMatching(
        /^memory:\/\/ names a database ".*", which is no path below a folder: it is not lite/,
      ),
    });
  });

  it.each(BAD_NAMES)("%j in a manifest is damage, for a start, a restore and resharding", async (name) => {
    plant("litewake/manifest/00000001.json", {
      version: 1,
      epoch: 1,
      shards: [name],
      hash: { bits: 32 },
      dlq: null,
    });
    const damage = { kind: "damaged", message: expect.stringContaining("is no path below a folder") };
    await expect(readManifest(client)).rejects.toMatchObject(damage);
    const sharding = { shards: ["shard_0"], hashBits: 32, dlq: null } as const;
    const members = [{ name: "shard_0", path: folder.join("shard_0.db") }];
    await expect(restoreFleet({ client, members, sharding })).rejects.toMatchObject(damage);
    const fileOf = (member: string) => folder.join(`${member}.db`);
    const scratch = folder.join("scratch");
    const request = { client, to: sharding, fileOf, keys: {}, everywhere: [], scratch, logger: silent };
    await expect(reshard(request)).rejects.toMatchObject(damage);
    expect(fs.readdirSync(folder.path)).toEqual([]);
  });
});

describe("a manifest", () => {
  const sound = { version: 1, epoch: 1, shards: ["a", "b"], hash: { bits: 32 }, dlq: null };
  it.each([
    ["an epoch that is no number", { ...sound, epoch: "../../1" }],
    ["an epoch below 0", { ...sound, epoch: -1 }],
    ["no shard", { ...sound, shards: [] }],
    ["a shard twice", { ...sound, shards: ["a", "a"] }],
    ["shards that are no list", { ...sound, shards: { length: 1e9 } }],
    ["a point that is a path", { ...sound, resharding: { fromEpoch: 1, point: "../x" } }],
    ["a prototype of its own", '{"version":1,"__proto__":{"shards":["a"],"epoch":1,"hash":{"bits":32},"dlq":null}}'],
  ])("with %s is damage", async (_, value) => {
    plant("litewake/manifest/00000001.json", value);
    await expect(readManifest(client)).rejects.toMatchObject({ kind: "damaged" });
  });

  it("changes no prototype", async () => {
    plant(
      "litewake/manifest/00000001.json",
      '{"version":1,"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    );
    await expect(readManifest(client)).rejects.toMatchObject({ kind: "damaged" });
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("points", () => {
  it("whose names could not have been published are none", async () => {
    for (const name of ["../x", "a b", "\u001b[2Jx", "x".repeat(101)]) {
      plant(`litewake/points/named/${name}.json`, { version: 1 });
      plant(`litewake/pins/${name}.json`, { version: 1 });
    }
    plant("litewake/points/named/good.json", { version: 1 });
    plant("litewake/pins/good.json", { version: 1 });
    expect((await listPoints(client)).map(({ name }) => name)).toEqual(["good"]);
    expect(await pinnedNames(client)).toEqual(["good"]);
  });

  it.each([
    ["no place", {}],
    ["a generation that is a path", { a: ["../../../../etc", 0, 0, 0] }],
    ["an index that is none", { a: ["fd6faaf1f3752b45", 1.5, 0, 0] }],
    ["a place that is no list", { a: { length: 4 } }],
  ])("with %s are damage", async (_, databases) => {
    plant("litewake/points/named/p.json", { version: 1, name: "p", takenAt: new Date(), epoch: 1, databases });
    await expect(findPoint(client, { name: "p" })).rejects.toMatchObject({ kind: "damaged" });
  });
});

describe("an object of ours", () => {
  it("of a form that is a novel is named in a line", async () => {
    plant("litewake/x.json", { version: "\n\u001b]31m".repeat(100_000) });
    const error = await readOwn(client, "litewake/x.json").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "NewerForm" });
    expect(String(error).length).toBeLessThan(300);
    expect(String(error)).not.toMatch(/\p{Cc}/u);
  });

  it.each(["", "null", "[]", '"x"', "{", "\ud800", `{"version":1,"a":${"[".repeat(99)}${"]".repeat(99)}}`])(
    "that holds %j is damage",
    async (text) => {
      plant("litewake/x.json", text);
      await expect(readOwn(client, "litewake/x.json")).rejects.toMatchObject({ kind: "damaged" });
    },
  );
});

describe("a restore's journal", () => {
  it("that names files which are not restored is not followed", async () => {
    const victim = folder.join("elsewhere", "victim.db");
    fs.mkdirSync(folder.join("elsewhere"));
    fs.writeFileSync(stagedName(victim), "planted");
    const output = folder.join("data", "a.db");
    fs.mkdirSync(folder.join("data"));
    const staged = [{ output: victim, replicaUrl: "file:///x", position: {} }];
    fs.writeFileSync(folder.join("data", ".litewake-restore.json"), JSON.stringify({ version: 1, staged }));
    expect(await new Staging([output]).recover()).toBe(0);
    expect(fs.existsSync(victim)).toBe(false);
  });

  it("does not go through a link that lies in its place", async () => {
    const target = folder.join("target");
    fs.writeFileSync(target, "mine");
    fs.symlinkSync(target, folder.join(".litewake-restore.json.tmp"));
    await new Staging([folder.join("a.db")]).commit([]);
    expect(fs.readFileSync(target, "utf8")).toBe("mine");
  });
});

describe("a listing", () => {
  it("with dates that are none, or generations without number, is one line all the same", () => {
    const hex = (n: number) => n.toString(16).padStart(16, "0");
    const objects = Array.from({ length: 5000 }, (_, n) => ({
      key: `generations/${hex(n)}/snapshots/00000000.snapshot.lz4`,
      size: Number.NaN,
      modifiedAt: new Date(Number.NaN),
    }));
    const catalog = catalogOf(objects);
    expect(catalog.newestAt?.toISOString()).toBe("1970-01-01T00:00:00.000Z");
    expect(() => chooseGeneration(catalog, { generation: hex(9_999_999) as Generation })).toThrow(
      /^the replica holds no generation 000000000098967f: it holds .* and 4990 more$/,
    );
  });
});

it("an error is one line that does nothing to a terminal, whatever is put into it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      for (const error of [
        new LitewakeError("damaged", `what ${text}`, { next: text }),
        new ReplicaError({ code: "Unknown", operation: "get", key: text, reason: `why ${text}` }),
      ]) {
        expect(error.message).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(error.message.length).toBeLessThan(5000);
      }
    }),
  );
  expect(oneLine("a\r\n  b\u0007\u202e")).toBe("a b\\u0007\\u202e");
});

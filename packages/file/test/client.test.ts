// What the file backend does beside the kit: names on the disk, modes, leftovers, links.
import { mkdir, mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ReplicaClient } from "@litewake/core/backend";
import { FileClient } from "@litewake/file";
import { filesBelow, Roots } from "./roots.ts";

const roots = new Roots();
afterAll(() => roots.remove());

const bytes = new TextEncoder().encode("bytes");
const deadPid = 4_194_305;

async function keysOf(client: ReplicaClient, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of client.list(prefix)) keys.push(key);
  return keys;
}

it("an object is a file of the same name, for its owner only", async () => {
  const { client, root } = await roots.client();
  await client.put("generations/0123456789abcdef/snapshots/00000000.snapshot.lz4", bytes);
  const folder = path.join(root, "generations/0123456789abcdef/snapshots");
  expect(await readFile(path.join(folder, "00000000.snapshot.lz4"), "utf8")).toBe("bytes");
  expect((await stat(path.join(folder, "00000000.snapshot.lz4"))).mode & 0o777).toBe(0o600);
  for (const made of [root, path.join(root, "generations"), folder])
    expect((await stat(made)).mode & 0o777).toBe(0o700);
});

it("a folder that is there keeps its mode", async () => {
  const { client, root } = await roots.client();
  await mkdir(root, { mode: 0o755 });
  await client.put("a", bytes);
  expect((await stat(root)).mode & 0o777).toBe(0o755);
});

it("modifiedAt is the file's own time", async () => {
  const { client, root } = await roots.client();
  const { modifiedAt } = await client.put("a", bytes);
  expect(modifiedAt).toEqual((await stat(path.join(root, "a"))).mtime);
});

describe("nothing is left on the disk", () => {
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
    throw new Error("the body broke");
  };

  it("by a body that throws, in a new folder and in an old one", async () => {
    const { client, root } = await roots.client();
    await client.put("old/a", bytes);
    for (const key of ["old/a", "old/b", "new/a"]) await client.put(key, failing()).catch(() => {});
    expect((await filesBelow(root)).filter((name) => !["old", "old/a"].includes(name))).toEqual([]);
  });

  it("by a rival who lost", async () => {
    const { client, root } = await roots.client();
    await Promise.allSettled(Array.from({ length: 8 }, () => client.put("a", bytes, { ifAbsent: true })));
    expect(await filesBelow(root)).toEqual(["a"]);
  });

  it("when the last object is deleted, not even folders, but the root", async () => {
    const { client, root } = await roots.client();
    await client.put("a/b/c/1", bytes);
    await client.put("a/b/d", bytes);
    await client.delete(["a/b/c/1"]);
    expect(await filesBelow(root)).toEqual(["a", "a/b", "a/b/d"]);
    await client.delete(["a/b/d"]);
    expect(await filesBelow(root)).toEqual([]);
  });
});

it("puts survive deletes that remove their folder, from two clients of one root", async () => {
  const { client, root } = await roots.client();
  const other = new FileClient({ root });
  const churn = async (): Promise<void> => {
    for (let n = 0; n < 200; n += 1) {
      await other.put("deep/down/x", bytes);
      await other.delete(["deep/down/x"]);
    }
  };
  const work = async (): Promise<void> => {
    for (let n = 0; n < 200; n += 1) {
      await client.put(`deep/down/${n}`, bytes);
      await client.delete([`deep/down/${n}`]);
    }
  };
  await Promise.all([churn(), work()]);
  expect(await filesBelow(root)).toEqual([]);
});

describe("leftovers of a dead process", () => {
  const hourAgo = new Date(Date.now() - 2 * 3_600_000);
  const leftover = (name: string, pid = deadPid): string => `.${name}.${pid}-0123456789abcdef-1.tmp`;

  it("are never listed and are removed by a put into their folder when an hour old", async () => {
    const { client, root } = await roots.client();
    await mkdir(path.join(root, "a"), { recursive: true });
    for (const name of [leftover("old"), leftover("young"), leftover("alive", process.ppid), ".hidden", "x.tmp"]) {
      await writeFile(path.join(root, "a", name), "half");
      if (!name.includes("young")) await utimes(path.join(root, "a", name), hourAgo, hourAgo);
    }
    expect(await keysOf(client)).toEqual(["a/.hidden", "a/x.tmp"]);
    await client.put("a/object", bytes);
    await client.close();
    expect(await filesBelow(path.join(root, "a"))).toEqual(
      [".hidden", leftover("alive", process.ppid), leftover("young"), "object", "x.tmp"].toSorted(),
    );
  });

  it("of an earlier life with our own process id are removed too", async () => {
    const { client, root } = await roots.client();
    await mkdir(root);
    const name = leftover("same", process.pid);
    await writeFile(path.join(root, name), "half");
    await utimes(path.join(root, name), hourAgo, hourAgo);
    await client.put("object", bytes);
    await client.close();
    expect(await filesBelow(root)).toEqual(["object"]);
  });

  it("cannot be named as objects", async () => {
    const { client } = await roots.client();
    await expect(client.put(`a/${leftover("x")}`, bytes)).rejects.toMatchObject({ code: "InvalidConfig" });
  });
});

describe("where hard links are missing", () => {
  const link = async (): Promise<void> => {
    throw Object.assign(new Error("not supported"), { code: "ENOTSUP" });
  };

  it("the claim of a process that died is overruled after a minute", async () => {
    const { client, root } = await roots.client({ link });
    const claim = path.join(root, ".lease.0-0000000000000000-claim.tmp");
    await client.put("other", bytes);
    await writeFile(claim, "");
    const old = new Date(Date.now() - 61_000);
    await utimes(claim, old, old);
    await client.put("lease", bytes, { ifAbsent: true });
    expect(await filesBelow(root)).toEqual(["lease", "other"]);
  });

  it("a put that waits for another's claim can be aborted", async () => {
    const { client, root } = await roots.client({ link });
    await client.put("other", bytes);
    await writeFile(path.join(root, ".lease.0-0000000000000000-claim.tmp"), "");
    const abort = new AbortController();
    const put = client.put("lease", bytes, { ifAbsent: true, signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(put).rejects.toMatchObject({ code: "Aborted" });
    expect(await keysOf(client)).toEqual(["other"]);
  });
});

it("a lost answer to link counts as ours when the link is there", async () => {
  const fs = await import("node:fs/promises");
  const link = async (from: string, to: string): Promise<void> => {
    await fs.link(from, to);
    throw Object.assign(new Error("file exists"), { code: "EEXIST" });
  };
  const { client, root } = await roots.client({ link: link as typeof fs.link });
  await client.put("a", bytes, { ifAbsent: true });
  expect(await filesBelow(root)).toEqual(["a"]);
});

describe("an object and a folder of one name", () => {
  it("cannot both be: Unsupported, and nothing is changed", async () => {
    const { client, root } = await roots.client();
    await client.put("a/b", bytes);
    await expect(client.put("a", bytes)).rejects.toMatchObject({ code: "Unsupported", retryable: false });
    await expect(client.put("a", bytes, { ifAbsent: true })).rejects.toMatchObject({ operation: "put" });
    await expect(client.put("a/b/c", bytes)).rejects.toMatchObject({ code: "Unsupported" });
    await client.delete(["a", "a/b/c"]);
    expect(await filesBelow(root)).toEqual(["a", "a/b"]);
  });
});

describe("symbolic links", () => {
  it("to a folder elsewhere are followed, in circles they are not", async () => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), "litewake-file-"));
    try {
      const { client, root } = await roots.client();
      await mkdir(path.join(root, "real"), { recursive: true });
      await symlink(elsewhere, path.join(root, "moved"));
      await symlink("..", path.join(root, "real", "up"));
      await symlink(path.join(root, "real"), path.join(elsewhere, "back"));
      await symlink("nowhere", path.join(root, "broken"));
      await client.put("moved/1", bytes);
      await client.put("real/2", bytes);
      expect(await keysOf(client)).toEqual(["moved/1", "moved/back/2", "real/2"]);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });
});

it("a root that is a file is named as the configuration's error", async () => {
  const root = await roots.root();
  await writeFile(root, "not a folder");
  const client = new FileClient({ root });
  await expect(keysOf(client)).rejects.toMatchObject({ code: "InvalidConfig" });
  await expect(client.put("a", bytes)).rejects.toMatchObject({ code: "Unsupported" });
  await expect(client.get("a")).rejects.toMatchObject({ code: "NotFound" });
});

it("closing the client ends the streams that are open", async () => {
  const { client } = await roots.client();
  await client.put("a", new Uint8Array(4 << 20));
  const stream = await client.get("a");
  const chunks = stream[Symbol.asyncIterator]();
  await chunks.next();
  await client.close();
  await expect(
    (async () => {
      while ((await chunks.next()).done !== true);
    })(),
  ).rejects.toMatchObject({ name: "ReplicaError" });
});

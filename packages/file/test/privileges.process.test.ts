// The file backend as a user without privileges, on a full disk, and beside rivals in other processes.
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileClient } from "@litewake/file";
import { isRoot, nobody, resultOf, startProgram } from "./child.ts";
import { filesBelow } from "./roots.ts";

let base = "";
beforeAll(async () => {
  base = await mkdtemp(path.join(tmpdir(), "litewake-file-"));
  await chmod(base, 0o755);
});
afterAll(async () => rm(base, { recursive: true, force: true }));

describe("without privileges", () => {
  it("the kit passes, and a folder that may not be entered is Denied by each verb", async () => {
    const own = path.join(base, "own");
    const forbidden = path.join(base, "forbidden");
    for (const folder of [own, forbidden]) await mkdir(folder);
    await chown(own, nobody.uid ?? process.getuid?.() ?? 0, nobody.gid ?? process.getgid?.() ?? 0);
    await chmod(forbidden, 0);
    const report = await resultOf(startProgram("run-kit", [own, forbidden], nobody));
    await chmod(forbidden, 0o700);
    expect(report).toMatchObject({ failures: [], failed: 0, skipped: 2 });
  });
});

describe("on a full disk", () => {
  it("a put is NoSpace, leaves nothing, and succeeds once there is room", async (context) => {
    const mount = path.join(base, "full");
    await mkdir(mount);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "litewake", mount], { stdio: "pipe" });
    } catch {
      context.skip(`no file system can be mounted here${isRoot ? "" : " without root"}`);
    }
    try {
      const client = new FileClient({ root: path.join(mount, "replica") });
      await client.put("a/small", new Uint8Array(600_000));
      for (const body of [new Uint8Array(600_000), chunks(20, 50_000)]) {
        await expect(client.put("a/large", body)).rejects.toMatchObject({
          code: "NoSpace",
          retryable: true,
          operation: "put",
        });
        expect(await filesBelow(mount)).toEqual(["replica", "replica/a", "replica/a/small"]);
      }
      await client.delete(["a/small"]);
      await client.put("a/large", new Uint8Array(600_000));
      await client.close();
    } finally {
      execFileSync("umount", [mount]);
    }
  });
});

describe("rivals in other processes", () => {
  it("for a free key exactly one wins, and its bytes are there", async () => {
    const root = path.join(base, "rivals");
    const names = ["ann", "bob", "cy"];
    const count = 150;
    const won = await Promise.all(names.map((name) => resultOf(startProgram("rival", [root, name, String(count)]))));
    const winners = new Map<number, string>();
    for (const [rival, keys] of won.entries()) {
      for (const key of keys as number[]) {
        expect(winners.get(key), `lease/${key} was won twice`).toBeUndefined();
        winners.set(key, names[rival] ?? "");
      }
    }
    expect(winners.size).toBe(count);
    const client = new FileClient({ root });
    for (const [key, name] of winners) {
      const parts: Uint8Array[] = [];
      for await (const chunk of await client.get(`lease/${key}`)) parts.push(chunk);
      expect(Buffer.concat(parts).toString()).toBe(name);
    }
    expect(await readdir(path.join(root, "lease"))).toHaveLength(count);
  });
});

async function* chunks(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n += 1) yield new Uint8Array(size);
}

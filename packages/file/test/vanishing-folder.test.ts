// A folder that is removed by somebody else between its making and that of one in it, which hardly ever happens by itself.
import type { MakeDirectoryOptions } from "node:fs";
import fs from "node:fs/promises";
import { tempDir } from "@litewake-tooling/testkit";
import { expect, it, vi } from "vitest";
import { FileClient } from "../src/client.ts";

const vanishes = vi.hoisted(() => ({ times: 0 }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof fs>();
  const mkdir = async (folder: string, options: MakeDirectoryOptions): Promise<string | undefined> => {
    if (vanishes.times === 0) return real.mkdir(folder, options);
    vanishes.times -= 1;
    throw Object.assign(new Error("ENOENT: no such file or directory, mkdir"), { code: "ENOENT" });
  };
  return { ...real, mkdir };
});

it("is made again, and one that cannot be made at all is an error", async () => {
  using folder = tempDir("vanishing");
  const client = new FileClient({ root: folder.join("replica") });
  const bytes = new TextEncoder().encode("bytes");
  vanishes.times = 5;
  await Promise.all([client.put("a/b/1", bytes), client.put("a/b/2", bytes), client.put("a/c/3", bytes)]);
  expect(vanishes.times).toBe(0);
  expect(await fs.readFile(folder.join("replica/a/b/2"), "utf8")).toBe("bytes");
  vanishes.times = Number.POSITIVE_INFINITY;
  await expect(client.put("d/4", bytes)).rejects.toMatchObject({ code: "Unavailable", retryable: true });
  await client.close();
});

// A sub-root shows what is below it and nothing else.
import { expect, it } from "vitest";
import { MemoryClient } from "@litewake/conformance";
import { prefixed } from "../../src/backend.ts";

const bytes = new Uint8Array(3);

it("keys lie below the sub-root, and its neighbours stay out of sight", async () => {
  const parent = new MemoryClient();
  const shard = prefixed(parent, "fleet/shard_1");
  for (const key of ["fleet/shard_1", "fleet/shard_10/a", "fleet/shard_0/a"]) await parent.put(key, bytes);
  await shard.put("a/1", bytes);
  const keys: string[] = [];
  for await (const { key } of shard.list("")) keys.push(key);
  expect(keys).toEqual(["a/1"]);
  expect([...parent.objects.keys()]).toContain("fleet/shard_1/a/1");
  await shard.delete(["a/1"]);
  expect(parent.objects.size).toBe(3);
});

it("no key leads out of it", async () => {
  const parent = new MemoryClient();
  await parent.put("secret", bytes);
  const shard = prefixed(parent, "shard");
  await expect(shard.get("../secret")).rejects.toMatchObject({ code: "InvalidConfig" });
  await expect(shard.delete(["a/../../secret"])).rejects.toMatchObject({ code: "InvalidConfig" });
  expect(() => prefixed(parent, "../x")).toThrow(expect.objectContaining({ code: "InvalidConfig" }));
});

it("its url names it", () => {
  expect(prefixed(new MemoryClient(), "shard_1").url).toBe("memory://shard_1");
});

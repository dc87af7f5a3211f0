// Deletes: many at once, absent keys among them, and nothing else.
import assert from "node:assert/strict";
import { text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { inParallel, isAbsent, keysOf } from "../expect.ts";

export const deleteCases: readonly ConformanceCase[] = [
  defineCase("delete.absent", "deleting an absent key is no error", async ({ client }) => {
    await client.delete(["no/such/key"]);
    await client.put("a/object", text("x"));
    await client.delete(["a", "a/objec", "a/object/below", "b/c", "a/object", "a/object"]);
    await client.delete(["a/object"]);
    assert.deepEqual(await keysOf(client, ""), []);
  }),

  defineCase("delete.none", "deleting no keys does nothing", async ({ client }) => {
    await client.put("a/object", text("x"));
    await client.delete([]);
    assert.deepEqual(await keysOf(client, ""), ["a/object"]);
  }),

  defineCase(
    "delete.exact",
    "a delete removes the keys it names and nothing below or beside them",
    async ({ client }) => {
      const keys = ["d/a/1", "d/a/2", "d/a1", "d/b/1"];
      for (const key of keys) await client.put(key, text(key));
      await client.delete(["d/a", "d/a/1"]);
      assert.deepEqual(await keysOf(client, ""), ["d/a/2", "d/a1", "d/b/1"]);
      await isAbsent(client, "d/a/1", "after its delete");
    },
  ),

  defineCase(
    "delete.then-put",
    "a key may be put again after its delete, also while neighbours are deleted",
    async ({ client }) => {
      for (let round = 0; round < 10; round += 1) {
        const keys = Array.from({ length: 8 }, (_, n) => `r/${round}/deep/${n}`);
        await inParallel(keys, 8, (key) => client.put(key, text(key)));
        // Removing the last object of a folder races with the next put into it, where folders exist.
        await Promise.all([client.delete(keys), client.put(`r/${round}/deep/next`, text("next"))]);
        assert.deepEqual(await keysOf(client, `r/${round}/`), [`r/${round}/deep/next`]);
        await client.delete([`r/${round}/deep/next`]);
        await client.put(keys[0] ?? "", text("again"));
        assert.deepEqual(await keysOf(client, `r/${round}/`), keys.slice(0, 1));
      }
    },
  ),

  defineCase(
    "delete.many",
    "one call deletes more keys than a page holds, absent ones among them",
    async ({ client, pagesAbove }) => {
      const keys = Array.from({ length: pagesAbove + 100 }, (_, n) => `many/${n}`);
      await inParallel([...keys, "many-stays"], 32, (key) => client.put(key, text(key)));
      await client.delete(keys.flatMap((key) => [key, `${key}-absent`]));
      assert.deepEqual(await keysOf(client, ""), ["many-stays"]);
    },
  ),
];

// Listings: order, prefixes, pages.
import assert from "node:assert/strict";
import { compareKeys } from "@litewake/core/backend";
import { text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { inParallel, keysOf, listed } from "../expect.ts";

export const listCases: readonly ConformanceCase[] = [
  defineCase("list.order", "keys come in the order of their bytes, folders or not", async ({ client }) => {
    const keys = ["a-b", "a.b", "a/b/c", "a/b.c", "a/b-c", "a/bb/c", "a0", "B", "Z/z", "~", "a/b0/0"];
    await inParallel(keys, 4, (key) => client.put(key, text(key)));
    assert.deepEqual(await keysOf(client, ""), keys.toSorted(compareKeys));
  }),

  defineCase(
    "list.order-utf8",
    "keys come in the order of their UTF-8 bytes, not of their UTF-16 units",
    async ({ client }) => {
      const keys = ["z", "é", "\u{ffee}", "\u{fb01}/x", "\u{1f600}", "\u{1f600}/x0", "\u{20000}"].map(
        (key) => `u/${key}`,
      );
      const distinct = keys.filter((key) => key !== "u/\u{1f600}");
      await inParallel(distinct, 4, (key) => client.put(key, text(key)));
      const expected = distinct.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await keysOf(client, "u/"), expected);
    },
  ),

  defineCase("list.pages", "a listing holds all pages, each key once", async ({ client, pagesAbove }) => {
    const keys = Array.from({ length: pagesAbove + 100 }, (_, n) => `many/${n.toString(16).padStart(8, "0")}`);
    await inParallel(keys, 32, (key) => client.put(key, text(key)));
    const objects = await listed(client, "many/");
    assert.equal(objects.length, keys.length, "number of keys listed");
    assert.deepEqual(
      objects.map(({ key }) => key),
      keys,
    );
    assert.ok(
      objects.every(({ size }) => size === 13),
      "each size is right",
    );
  }),

  defineCase("list.prefix-is-text", "a prefix is the beginning of a key, not a folder", async ({ client }) => {
    const keys = ["gen/00/a", "gen/00/b", "gen/01/a", "gen/1", "gem/0", "genus"];
    await inParallel(keys, 4, (key) => client.put(key, text(key)));
    const expected = {
      gen: ["gen/00/a", "gen/00/b", "gen/01/a", "gen/1", "genus"],
      "gen/": ["gen/00/a", "gen/00/b", "gen/01/a", "gen/1"],
      "gen/0": ["gen/00/a", "gen/00/b", "gen/01/a"],
      "gen/00": ["gen/00/a", "gen/00/b"],
      "gen/00/": ["gen/00/a", "gen/00/b"],
      "gen/00/b": ["gen/00/b"],
    };
    for (const [prefix, found] of Object.entries(expected))
      assert.deepEqual(await keysOf(client, prefix), found, `prefix ${prefix}`);
  }),

  defineCase(
    "list.nothing",
    "a prefix that matches nothing yields nothing, on an empty root too",
    async ({ client }) => {
      for (const prefix of ["", "no", "no/", "no/such/thing"])
        assert.deepEqual(await keysOf(client, prefix), [], `prefix ${prefix}`);
      await client.put("a/object", text("x"));
      for (const prefix of ["b", "a/object/", "a/object0", "a/o/", "a//", "/", "/a", "../", "a/../a"]) {
        assert.deepEqual(await keysOf(client, prefix), [], `prefix ${prefix}`);
      }
    },
  ),

  defineCase("list.sizes", "a listing tells each object's stored size and a time", async ({ client }) => {
    for (const size of [0, 1, 70_000]) await client.put(`a/${size}`, new Uint8Array(size));
    for (const { key, size, modifiedAt } of await listed(client, "")) {
      assert.equal(`a/${size}`, key);
      assert.ok(modifiedAt instanceof Date && modifiedAt.getTime() > 0, `${key} has a time`);
    }
  }),

  defineCase("list.after-delete", "what was deleted is neither listed nor read from then on", async ({ client }) => {
    for (let round = 0; round < 5; round += 1) {
      await client.put("a/1", text("1"));
      await client.put("a/2", text("2"));
      assert.deepEqual(await keysOf(client, "a/"), ["a/1", "a/2"]);
      await client.delete(["a/1"]);
      assert.deepEqual(await keysOf(client, "a/"), ["a/2"]);
    }
  }),
];

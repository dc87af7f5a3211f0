// Keys: any text a store may take, and none that leads out of the root.
import assert from "node:assert/strict";
import { compareKeys, MAX_KEY_BYTES } from "@litewake/core/backend";
import { text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { holds, keysOf, rejectsWith } from "../expect.ts";

const odd = [
  "space in name",
  "percent%20sign",
  "percent%2Fslash",
  "100%",
  "plus+sign",
  "hash#tag",
  "question?mark=1&b=2",
  "semi;colon",
  "quote'\"",
  "angle<>",
  "bräket[]{}",
  "日本語",
  "e\u0301",
  "\u00e9x",
  "😀",
  "at@sign",
  "colon:",
  "comma,",
  "excl!",
  "star*",
  "dollar$",
  "caret^",
  "pipe|",
  "tilde~",
  "back`tick",
  "equals=",
  ".hidden",
  "dots...",
  "-dash",
  "_under",
];

export const keyCases: readonly ConformanceCase[] = [
  defineCase(
    "keys.odd",
    "odd characters in a key come back as they were and name one object each",
    async ({ client }) => {
      for (const name of odd) await client.put(`odd/${name}`, text(name));
      assert.deepEqual(await keysOf(client, "odd/"), odd.map((name) => `odd/${name}`).toSorted(compareKeys));
      for (const name of odd) await holds(client, `odd/${name}`, text(name));
      for (const name of odd) assert.deepEqual(await keysOf(client, `odd/${name}`), [`odd/${name}`], "as a prefix");
      await client.delete(odd.map((name) => `odd/${name}`));
      assert.deepEqual(await keysOf(client, ""), []);
    },
  ),

  defineCase("keys.odd-folders", "odd characters may stand in every part of a key", async ({ client }) => {
    const keys = odd.map((name) => `f/${name}/${name}`);
    for (const key of keys) await client.put(key, text(key));
    assert.deepEqual(await keysOf(client, "f/"), keys.toSorted(compareKeys));
    for (const key of keys) await holds(client, key, text(key));
  }),

  defineCase("keys.long", `keys of up to ${MAX_KEY_BYTES} bytes are whole and distinct`, async ({ client }) => {
    const part = "k".repeat(200);
    const deep = `${part}/${part}/${part}/`;
    const keys = [
      `${deep}${"a".repeat(MAX_KEY_BYTES - 100 - deep.length)}1`,
      `${deep}${"a".repeat(MAX_KEY_BYTES - 100 - deep.length)}2`,
      `s/${part}`,
    ];
    for (const key of keys) await client.put(key, text(key));
    assert.deepEqual(await keysOf(client, ""), keys.toSorted(compareKeys));
    for (const key of keys) await holds(client, key, text(key));
  }),

  defineCase(
    "keys.stay-inside",
    "a key that is empty, absolute or holds . or .. is refused with InvalidConfig",
    async ({ client }) => {
      await client.put("a/object", text("x"));
      for (const key of [
        "",
        "/a/object",
        "a//object",
        "a/object/",
        "../a",
        "a/../a/object",
        "a/..",
        "./a",
        "a/./object",
        "a/\0b",
        "\ud800",
      ]) {
        const shown = JSON.stringify(key);
        await rejectsWith(() => client.get(key), `get ${shown}`, "InvalidConfig");
        await rejectsWith(() => client.put(key, text("y")), `put ${shown}`, "InvalidConfig");
        await rejectsWith(() => client.delete(["a/other", key]), `delete ${shown}`, "InvalidConfig");
      }
      await holds(client, "a/object", text("x"));
      assert.deepEqual(await keysOf(client, ""), ["a/object"]);
    },
  ),

  defineCase("keys.neighbours", "keys that begin alike are objects of their own", async ({ client }) => {
    for (const key of ["n/a", "n/a.b", "n/ab", "n/a b"]) await client.put(key, text(key));
    await client.delete(["n/a"]);
    assert.deepEqual(await keysOf(client, "n/"), ["n/a b", "n/a.b", "n/ab"]);
    for (const key of ["n/a.b", "n/ab", "n/a b"]) await holds(client, key, text(key));
  }),
];

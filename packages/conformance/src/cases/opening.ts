// What the factory and the client itself promise.
import assert from "node:assert/strict";
import { type ConformanceCase, defineCase } from "../case.ts";
import { text } from "../bytes.ts";
import { keysOf } from "../expect.ts";

export const openingCases: readonly ConformanceCase[] = [
  defineCase("open.isolated", "each opened client has an empty root of its own", async ({ client, open }) => {
    assert.deepEqual(await keysOf(client, ""), [], "a fresh root is not empty");
    await client.put("mine/1", text("mine"));
    const other = await open();
    assert.deepEqual(await keysOf(other, ""), [], "what one client stored is seen by another");
    await other.put("mine/1", text("other"));
    assert.deepEqual(await keysOf(client, ""), ["mine/1"]);
  }),

  defineCase(
    "open.describes-itself",
    "the client says its type, where it points, and what it can do",
    async ({ client }) => {
      assert.match(client.type, /^[a-z][a-z0-9+.-]*$/, "type is a lower-case name");
      assert.ok(client.url.length > 0, "url is not empty");
      assert.equal(typeof client.capabilities.putIfAbsent, "boolean", "capabilities.putIfAbsent is declared");
    },
  ),
];

// Any call may run beside any other.
import assert from "node:assert/strict";
import { chunked, collect, digest, patterned, text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { holds, keysOf } from "../expect.ts";

const numbers = (count: number): number[] => [...Array(count).keys()];

export const concurrencyCases: readonly ConformanceCase[] = [
  defineCase(
    "parallel.puts-and-gets",
    "32 puts and then 32 gets at a time keep their bytes apart",
    async ({ client }) => {
      const content = (n: number): Uint8Array => patterned(100_000 + n * 997, n + 1);
      await Promise.all(
        numbers(32).map((n) => client.put(`p/${n}`, n % 2 === 0 ? content(n) : chunked(content(n), 10_007))),
      );
      await Promise.all(numbers(32).map((n) => holds(client, `p/${n}`, content(n))));
      assert.equal((await keysOf(client, "p/")).length, 32);
    },
  ),

  defineCase("parallel.last-writer-wins", "rival puts of one key leave one of them, whole", async ({ client }) => {
    const content = (n: number): Uint8Array => patterned(50_000 + n * 1000, n + 1);
    const wanted = new Set(numbers(16).map((n) => digest(content(n))));
    await Promise.all(
      numbers(16).map((n) => client.put("one/key", n % 2 === 0 ? content(n) : chunked(content(n), 4099))),
    );
    const found = digest(await collect(await client.get("one/key")));
    assert.ok(wanted.has(found), `the object holds ${found}, which is none of the puts`);
    assert.deepEqual(await keysOf(client, ""), ["one/key"]);
  }),

  defineCase(
    "parallel.readers-see-whole",
    "readers beside an overwriting writer see whole objects only",
    async ({ client }) => {
      const content = (n: number): Uint8Array => patterned(200_000 - n * 10_000, n + 1);
      const wanted = new Set(numbers(10).map((n) => digest(content(n))));
      await client.put("one/key", content(0));
      const writing = new AbortController();
      const read = async (): Promise<void> => {
        while (!writing.signal.aborted) {
          const found = digest(await collect(await client.get("one/key")));
          assert.ok(wanted.has(found), `a reader saw ${found}, which was never put`);
          const listed = await keysOf(client, "one/");
          assert.deepEqual(listed, ["one/key"], "the object is listed throughout");
        }
      };
      const write = async (): Promise<void> => {
        try {
          for (const n of numbers(10)) await client.put("one/key", chunked(content(n), 30_011));
        } finally {
          writing.abort();
        }
      };
      await Promise.all([write(), read(), read(), read()]);
    },
  ),

  defineCase(
    "parallel.lists",
    "listings beside puts and deletes show what stays, and keep their order",
    async ({ client }) => {
      const stays = numbers(20).map((n) => `l/${String(n).padStart(2, "0")}`);
      await Promise.all(stays.map((key) => client.put(key, text(key))));
      const churn = async (): Promise<void> => {
        for (const n of numbers(20)) {
          await client.put(`l/${String(n).padStart(2, "0")}x`, text("x"));
          await client.delete([`l/${String(n).padStart(2, "0")}x`]);
        }
      };
      const look = async (): Promise<void> => {
        for (let round = 0; round < 10; round += 1) {
          const found = await keysOf(client, "l/");
          assert.deepEqual(found, found.toSorted(), "in order");
          assert.deepEqual(
            found.filter((key) => !key.endsWith("x")),
            stays,
            "all that stays",
          );
        }
      };
      await Promise.all([churn(), look(), look()]);
    },
  ),
];

// put with ifAbsent: exactly one winner where it is declared, a refusal where it is not.
import assert from "node:assert/strict";
import { type PutResult, ReplicaError } from "@litewake/core/backend";
import { chunked, MIB, patterned, text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { holds, isAbsent, keysOf, rejectsWith } from "../expect.ts";

const ifAbsent = true;

export const conditionalCases: readonly ConformanceCase[] = [
  defineCase(
    "if-absent.one-winner",
    "of 16 rivals for a free key one wins and the others get Conflict",
    async ({ client }) => {
      const content = (n: number): Uint8Array => patterned(20_000, n + 1);
      for (let round = 0; round < 5; round += 1) {
        const key = `lease/${round}`;
        const puts = await Promise.allSettled(
          [...Array(16).keys()].map((n) =>
            client.put(key, n % 2 === 0 ? content(n) : chunked(content(n), 5003), { ifAbsent }),
          ),
        );
        const winners = [...puts.keys()].filter((n) => puts[n]?.status === "fulfilled");
        assert.equal(winners.length, 1, `${winners.length} of 16 rivals were told that they won`);
        for (const put of puts) if (put.status === "rejected") assertConflict(put);
        await holds(client, key, content(winners[0] ?? 0), "the winner's object");
      }
      assert.equal((await keysOf(client, "")).length, 5, "nothing but the winners' objects is there");
    },
    ["putIfAbsent"],
  ),

  defineCase(
    "if-absent.keeps-old",
    "on a key that is there it is Conflict, and the old bytes stay",
    async ({ client }) => {
      await client.put("a/object", text("old"));
      for (const body of [text("new"), chunked(patterned(6 * MIB, 1), 100_000), new Uint8Array(0)]) {
        const error = await rejectsWith(() => client.put("a/object", body, { ifAbsent }), "put if absent", "Conflict");
        assert.equal(error.retryable, false, "no retry can help");
        await holds(client, "a/object", text("old"));
      }
      assert.deepEqual(await keysOf(client, ""), ["a/object"]);
    },
    ["putIfAbsent"],
  ),

  defineCase(
    "if-absent.free",
    "on a key that is free, or free again, it stores",
    async ({ client }) => {
      for (let round = 0; round < 3; round += 1) {
        await client.put("a/object", chunked(patterned(100_000, round), 999), { ifAbsent });
        await holds(client, "a/object", patterned(100_000, round));
        await client.delete(["a/object"]);
      }
      await client.put("a/object", text("plain"));
      await client.put("a/object", text("plain again"));
    },
    ["putIfAbsent"],
  ),

  defineCase(
    "if-absent.unsupported",
    "where it is not declared it is Unsupported, and nothing is stored",
    async ({ client }) => {
      await rejectsWith(() => client.put("a/object", text("x"), { ifAbsent }), "put if absent", "Unsupported");
      await isAbsent(client, "a/object", "after the refusal");
      await client.put("a/object", text("x"), { ifAbsent: false });
      await holds(client, "a/object", text("x"));
    },
    ["noPutIfAbsent"],
  ),
];

function assertConflict(put: PromiseSettledResult<PutResult> & { status: "rejected" }): void {
  const error: unknown = put.reason;
  assert.ok(ReplicaError.is(error, "Conflict"), `a rival got ${String(error)} instead of Conflict`);
}

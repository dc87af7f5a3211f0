// What a client holds, and lets go.
import assert from "node:assert/strict";
import { MIB, patterned, text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { inParallel } from "../expect.ts";
import { shrinksBack, openHandles } from "../open-handles.ts";

const ROUNDS = 60;
/** A pool of kept connections is no leak; one handle a call is. */
const TOLERATED = 30;

export const lifecycleCases: readonly ConformanceCase[] = [
  defineCase(
    "close.leaves-streams",
    "a get left early, or never begun, lets go of what is behind it",
    async ({ client, patienceMs }) => {
      await client.put("a/object", patterned(4 * MIB, 1));
      const before = openHandles();
      await inParallel(Array(ROUNDS).keys(), 4, async (round) => {
        const stream = await client.get("a/object");
        if (round % 2 === 0) for await (const _chunk of stream) break;
        else await stream[Symbol.asyncIterator]().return?.();
      });
      assert.ok(
        await shrinksBack(before, TOLERATED, patienceMs),
        `${openHandles() - before} handles are open after ${ROUNDS} gets that were left`,
      );
    },
  ),

  defineCase(
    "close.leaves-lists",
    "a listing left early lets go of what is behind it",
    async ({ client, patienceMs }) => {
      await inParallel(Array(20).keys(), 8, (n) => client.put(`a/${n % 3}/${n}`, text("x")));
      const before = openHandles();
      await inParallel(Array(ROUNDS).keys(), 4, async () => {
        for await (const _object of client.list("a/")) break;
      });
      assert.ok(
        await shrinksBack(before, TOLERATED, patienceMs),
        `${openHandles() - before} handles are open after ${ROUNDS} listings that were left`,
      );
    },
  ),

  defineCase(
    "close.lets-go",
    "after close no handle, socket or timer of the client is left, after failures too",
    async ({ open, patienceMs }) => {
      const before = openHandles();
      for (let round = 0; round < 5; round += 1) {
        const client = await open();
        await client.put("a/object", patterned(MIB, 2));
        for await (const _chunk of await client.get("a/object")) break;
        await client.put("a/object", failing()).catch(() => {});
        await client.get("a/none").catch(() => {});
        for await (const _object of client.list("")) break;
        await client.close();
      }
      assert.ok(
        await shrinksBack(before, 4, patienceMs),
        `${openHandles() - before} handles are left after 5 clients were closed`,
      );
    },
  ),

  defineCase("close.twice", "closing twice is no error", async ({ open }) => {
    const client = await open();
    await client.put("a/object", text("x"));
    await client.close();
    await client.close();
  }),
];

async function* failing(): AsyncGenerator<Uint8Array> {
  yield text("x");
  throw new Error("the body broke");
}

// The caller's signal, in every phase of every verb.
import assert from "node:assert/strict";
import { ReplicaError } from "@litewake/core/backend";
import { collect, MIB, patterned, text } from "../bytes.ts";
import { type ConformanceCase, defineCase } from "../case.ts";
import { holds, inParallel, isAbsent, keysOf, rejectsWith, within } from "../expect.ts";
import { gatedBody } from "../gate.ts";

export const abortCases: readonly ConformanceCase[] = [
  defineCase(
    "abort.before",
    "with a signal that fired before, each verb is Aborted and does nothing",
    async ({ client }) => {
      await client.put("a/object", text("old"));
      const signal = AbortSignal.abort();
      await rejectsWith(() => client.put("a/object", text("new"), { signal }), "put", "Aborted");
      await rejectsWith(() => client.put("a/other", text("new"), { signal }), "put of a new key", "Aborted");
      await rejectsWith(async () => collect(await client.get("a/object", { signal })), "get", "Aborted");
      await rejectsWith(() => client.delete(["a/object"], { signal }), "delete", "Aborted");
      await rejectsWith(() => drain(client.list("", { signal })), "list", "Aborted");
      await holds(client, "a/object", text("old"));
      assert.deepEqual(await keysOf(client, ""), ["a/object"]);
    },
  ),

  defineCase("abort.put", "a put aborted midway is Aborted and leaves nothing", async ({ client, patienceMs }) => {
    const abort = new AbortController();
    const body = gatedBody(patterned(6 * MIB, 1), text("end"));
    const put = client.put("a/object", body, { signal: abort.signal });
    await Promise.race([body.reached, put]);
    abort.abort();
    await rejectsWith(() => within(patienceMs, "an aborted put", put), "put", "Aborted");
    body.open();
    await isAbsent(client, "a/object", "after the abort");
    assert.deepEqual(await keysOf(client, ""), []);
  }),

  defineCase(
    "abort.put-keeps-old",
    "a put aborted midway leaves the old object as it was",
    async ({ client, patienceMs }) => {
      await client.put("a/object", text("old"));
      const abort = new AbortController();
      const body = gatedBody(patterned(6 * MIB, 2), text("end"));
      const put = client.put("a/object", body, { signal: abort.signal });
      await Promise.race([body.reached, put]);
      abort.abort();
      await rejectsWith(() => within(patienceMs, "an aborted put", put), "put", "Aborted");
      body.open();
      await holds(client, "a/object", text("old"), "after the abort");
      assert.deepEqual(await keysOf(client, ""), ["a/object"]);
    },
  ),

  defineCase("abort.put-stuck-body", "an abort ends a put whose body never comes", async ({ client, patienceMs }) => {
    const abort = new AbortController();
    const body = gatedBody(text("begin"), text("end"));
    const put = client.put("a/object", body, { signal: abort.signal });
    put.catch(() => {});
    await Promise.race([body.reached, put]);
    abort.abort();
    try {
      await rejectsWith(() => within(patienceMs, "an aborted put with a stuck body", put), "put", "Aborted");
    } finally {
      body.open();
    }
    await isAbsent(client, "a/object", "after the abort");
  }),

  defineCase(
    "abort.put-at-any-moment",
    "a put aborted at any moment stored all or nothing, as it says",
    async ({ client }) => {
      await inParallel(Array(40).keys(), 4, async (n) => {
        const abort = new AbortController();
        // Two digits each, so that none is another's prefix.
        const key = `a/${n + 10}`;
        const put = client.put(key, patterned(50_000, n), { signal: abort.signal });
        // It may fail before it is waited for.
        put.catch(() => {});
        for (let turns = 0; turns < n; turns += 1) await new Promise((resolve) => setImmediate(resolve));
        abort.abort();
        const error = await put.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) return holds(client, key, patterned(50_000, n), "after a put that succeeded");
        await rejectsWith(() => put, "put", "Aborted");
        // The store may have finished in the very moment of the abort: then the object is whole.
        const found = await keysOf(client, key);
        if (!found.includes(key)) return;
        try {
          await holds(client, key, patterned(50_000, n), "after a put that was aborted");
        } catch (error) {
          // Or it was listed while the store undid it (MinIO, under load): then it stays away.
          if (!ReplicaError.is(error, "NotFound")) throw error;
          await isAbsent(client, key, "after a put that was aborted");
        }
      });
      assert.ok(
        (await keysOf(client, "")).every((key) => /^a\/\d+$/.test(key)),
        "nothing else was left",
      );
    },
  ),

  defineCase(
    "abort.get",
    "a get aborted midway is Aborted and gives no further bytes",
    async ({ client, patienceMs }) => {
      await client.put("a/object", patterned(16 * MIB, 3));
      const abort = new AbortController();
      let after = 0;
      await rejectsWith(
        async () => {
          for await (const chunk of await client.get("a/object", { signal: abort.signal })) {
            if (abort.signal.aborted) after += chunk.byteLength;
            abort.abort();
          }
        },
        "get",
        "Aborted",
      );
      assert.equal(after, 0, "bytes that came after the abort");
      await within(patienceMs, "the next get", holds(client, "a/object", patterned(16 * MIB, 3)));
    },
  ),

  defineCase("abort.list", "a listing aborted between pages is Aborted", async ({ client, pagesAbove }) => {
    const keys = Array.from({ length: pagesAbove + 100 }, (_, n) => `many/${n}`);
    await inParallel(keys, 32, (key) => client.put(key, text(key)));
    const abort = new AbortController();
    let after = 0;
    await rejectsWith(
      async () => {
        for await (const _object of client.list("many/", { signal: abort.signal })) {
          if (abort.signal.aborted) after += 1;
          abort.abort();
        }
      },
      "list",
      "Aborted",
    );
    assert.ok(after <= pagesAbove, `${after} keys came after the abort`);
  }),

  defineCase("abort.afterwards", "a signal that fires after the call changes nothing", async ({ client }) => {
    const abort = new AbortController();
    const { signal } = abort;
    await client.put("a/object", text("x"), { signal });
    const bytes = await collect(await client.get("a/object", { signal }));
    await drain(client.list("", { signal }));
    await client.delete(["a/none"], { signal });
    abort.abort();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(Buffer.from(bytes), Buffer.from("x"));
    await holds(client, "a/object", text("x"));
  }),

  defineCase(
    "abort.many-calls-one-signal",
    "a signal shared by many calls gathers no listeners",
    async ({ client }) => {
      const { signal } = new AbortController();
      let listeners = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => ((listeners += 1), add(...args));
      signal.removeEventListener = (...args: Parameters<typeof remove>) => ((listeners -= 1), remove(...args));
      for (let round = 0; round < 20; round += 1) {
        await client.put(`a/${round}`, text("x"), { signal });
        await collect(await client.get(`a/${round}`, { signal }));
        await drain(client.list("", { signal }));
      }
      assert.ok(listeners < 10, `${listeners} listeners were left on the signal after 60 calls`);
    },
  ),
];

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of stream);
}

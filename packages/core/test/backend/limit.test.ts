// Never more calls than allowed, first come, first served, and every place comes back.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryClient } from "@litewake/conformance";
import { ConcurrencyLimit, limited, type ReplicaClient } from "../../src/backend.ts";
import { FaultyClient } from "./faulty-client.ts";

const bytes = new Uint8Array(100_000);

describe("a limit", () => {
  it("lets no more through than its number, whatever ends when, and serves in order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(5), { maxLength: 20 }), async (max, turns) => {
        const limit = new ConcurrencyLimit(max);
        let running = 0;
        const started: number[] = [];
        await Promise.all(
          turns.map(async (count, n) => {
            const release = await limit.take(undefined, "get");
            started.push(n);
            running += 1;
            expect(running).toBeLessThanOrEqual(max);
            for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
            running -= 1;
            release();
            release();
          }),
        );
        expect(started).toEqual([...turns.keys()]);
        expect([limit.running, limit.waiting]).toEqual([0, 0]);
      }),
      { numRuns: 100 },
    );
  });

  it("gives up waiting with Aborted when the signal fires, and its turn passes on", async () => {
    const limit = new ConcurrencyLimit(1);
    const release = await limit.take(undefined, "put");
    const abort = new AbortController();
    const first = limit.take(abort.signal, "put", "a");
    const second = limit.take(undefined, "put", "b");
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: "Aborted", key: "a" });
    release();
    (await second)();
    expect([limit.running, limit.waiting]).toEqual([0, 0]);
  });

  it.each([0, -1, 1.5, Number.NaN])("of %d is refused", (max) => {
    expect(() => new ConcurrencyLimit(max)).toThrow(RangeError);
  });
});

describe("clients that share a limit", () => {
  it("give every place back: after success, failure, and streams that were left", async () => {
    const limit = new ConcurrencyLimit(1);
    const one = limited(memoryClient(), limit);
    const other = limited(
      new FaultyClient({ code: "Denied" }, { code: "Denied" }, { code: "Unavailable", after: 1 }),
      limit,
    );
    await one.put("a", bytes);
    await expect(other.put("a", bytes)).rejects.toMatchObject({ code: "Denied" });
    await expect(other.get("a")).rejects.toMatchObject({ code: "Denied" });
    await expect(
      (async () => {
        for await (const _object of other.list(""));
      })(),
    ).rejects.toMatchObject({ code: "Unavailable" });
    for await (const _chunk of await one.get("a")) break;
    await (await one.get("a"))[Symbol.asyncIterator]().return?.();
    for await (const _object of one.list("")) break;
    await one.delete(["a"]);
    expect([limit.running, limit.waiting]).toEqual([0, 0]);
  });

  it("hold a place while a byte stream is open", async () => {
    const limit = new ConcurrencyLimit(2);
    const client = limited(memoryClient(), limit);
    await client.put("a", bytes);
    const stream = (await client.get("a"))[Symbol.asyncIterator]();
    await stream.next();
    expect(limit.running).toBe(1);
    await stream.return?.();
    expect(limit.running).toBe(0);
  });

  it("may call others while they go through a listing", async () => {
    const client: ReplicaClient = limited(memoryClient(), new ConcurrencyLimit(1));
    for (const key of ["a", "b", "c"]) await client.put(key, bytes);
    for await (const { key } of client.list("")) await client.delete([key]);
    for await (const { key } of client.list("")) expect(key).toBeUndefined();
  });
});

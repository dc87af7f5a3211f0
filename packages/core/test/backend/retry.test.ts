// What is tried again, when, and what is not.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ReplicaError,
  type ReplicaErrorCode,
  type RetryEvent,
  type RetryOptions,
  retrying,
} from "../../src/backend.ts";
import { overriding } from "../../src/backend/overriding.ts";
import { type Fault, FaultyClient } from "./faulty-client.ts";

const bytes = new TextEncoder().encode("0123456789abcdefghijABCDEFGHIJ");

/** A clock that only sleeping moves, and what was slept. */
function clock(random = 0.5): RetryOptions & { readonly slept: number[] } {
  const slept: number[] = [];
  let now = 0;
  return {
    slept,
    random: () => random,
    now: () => now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
  };
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function keysOf(stream: AsyncIterable<{ key: string }>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of stream) keys.push(key);
  return keys;
}

/** A client that holds `a` and `k/0` to `k/9`, and then fails by the script. */
async function faulty(...faults: readonly (Fault | undefined)[]): Promise<FaultyClient> {
  const client = new FaultyClient();
  await client.put("a", bytes);
  for (let n = 0; n < 10; n += 1) await client.put(`k/${n}`, bytes);
  client.faults.push(...faults);
  client.calls.length = 0;
  return client;
}

const down: Fault = { code: "Unavailable" };

const repeated = (count: number, fault: Fault): Fault[] => Array.from({ length: count }, () => fault);

describe("a call that fails", () => {
  it.each(["Unavailable", "Throttled", "NoSpace", "Unknown"] satisfies ReplicaErrorCode[])(
    "with %s is tried again",
    async (code) => {
      const inner = await faulty({ code }, { code });
      const client = retrying(inner, clock());
      await client.put("b", bytes);
      expect(inner.calls).toEqual(["put b", "put b", "put b"]);
    },
  );

  it.each([
    "NotFound",
    "Conflict",
    "Denied",
    "NoSuchStore",
    "InvalidConfig",
    "Unsupported",
    "Aborted",
  ] satisfies ReplicaErrorCode[])("with %s is not", async (code) => {
    const inner = await faulty({ code });
    await expect(retrying(inner, clock()).delete(["a"])).rejects.toMatchObject({ code });
    expect(inner.calls).toHaveLength(1);
  });

  it("again and again is given up after the attempts allowed, with its own error", async () => {
    const inner = await faulty(...repeated(10, down));
    const time = clock();
    await expect(retrying(inner, { ...time, attempts: 4 }).get("a")).rejects.toMatchObject({ code: "Unavailable" });
    expect(inner.calls).toHaveLength(4);
    expect(time.slept).toHaveLength(3);
  });

  it("for longer than the total time is given up", async () => {
    const inner = await faulty(...repeated(100, down));
    const time = clock(0.999);
    const client = retrying(inner, { ...time, attempts: 100, firstDelayMs: 1000, maxDelayMs: 1000, totalMs: 5000 });
    await expect(client.get("a")).rejects.toMatchObject({ code: "Unavailable" });
    expect(inner.calls).toHaveLength(6);
  });

  it("is announced before each further attempt", async () => {
    const events: RetryEvent[] = [];
    const inner = await faulty(down, { code: "Throttled" });
    await retrying(inner, { ...clock(), onRetry: (event) => events.push(event) }).put("b", bytes);
    expect(events).toMatchObject([
      { operation: "put", key: "b", attempt: 1, delayMs: 50, error: { code: "Unavailable" } },
      { operation: "put", key: "b", attempt: 2, delayMs: 100, error: { code: "Throttled" } },
    ]);
  });
});

describe("the wait", () => {
  it("is a share of a bound that doubles up to its maximum", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: 2, max: 9 }),
        async (random, attempts) => {
          const time = clock(random);
          const inner = await faulty(...repeated(attempts - 1, down));
          await retrying(inner, { ...time, attempts, firstDelayMs: 100, maxDelayMs: 1000, totalMs: Infinity }).put(
            "b",
            bytes,
          );
          expect(time.slept).toEqual(
            Array.from({ length: attempts - 1 }, (_, n) => Math.floor(random * Math.min(1000, 100 * 2 ** n))),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it("ends at once with Aborted when the signal fires", async () => {
    const abort = new AbortController();
    const inner = await faulty(...repeated(3, down));
    const client = retrying(inner, {
      firstDelayMs: 1_000_000,
      maxDelayMs: 1_000_000,
      totalMs: Infinity,
      random: () => 1,
      onRetry: () => abort.abort(),
    });
    await expect(client.put("b", bytes, { signal: abort.signal })).rejects.toMatchObject({ code: "Aborted" });
    expect(inner.calls).toHaveLength(1);
  });
});

describe("a put", () => {
  const ifAbsent = true;

  it("whose body is a stream is not tried again: its owner must make it anew", async () => {
    const inner = await faulty(down);
    const body = (async function* () {
      yield bytes;
    })();
    await expect(retrying(inner, clock()).put("b", body)).rejects.toMatchObject({ code: "Unavailable" });
    expect(inner.calls).toEqual(["put b"]);
  });

  it("that was stored although it failed ends in an ambiguous Conflict", async () => {
    const inner = await faulty({ code: "Unavailable", done: true });
    await expect(retrying(inner, clock()).put("b", bytes, { ifAbsent })).rejects.toMatchObject({
      code: "Conflict",
      ambiguous: true,
    });
    expect(await textOf(await inner.get("b"))).toBe(Buffer.from(bytes).toString());
  });

  it("that another one forestalled ends in a Conflict that is not ambiguous", async () => {
    for (const faults of [[], [{ code: "Throttled" }], [{ code: "NoSpace" }]] satisfies Fault[][]) {
      const inner = await faulty(...faults);
      await expect(retrying(inner, clock()).put("a", bytes, { ifAbsent })).rejects.toMatchObject({
        code: "Conflict",
        ambiguous: false,
      });
    }
  });
});

describe("a byte stream that breaks", () => {
  it("goes on where it broke, as often as it makes progress", async () => {
    const inner = await faulty({ code: "Unavailable", after: 1 }, { code: "Unavailable", after: 1 }, down, {
      code: "Unknown",
      after: 0,
    });
    const client = retrying(inner, { ...clock(), attempts: 4 });
    expect(await textOf(await client.get("a"))).toBe("0123456789abcdefghijABCDEFGHIJ");
    expect(inner.calls).toEqual(["get a 0+all", "get a 10+all", "get a 20+all", "get a 20+all", "get a 20+all"]);
  });

  it("goes on within the range asked for", async () => {
    const inner = await faulty({ code: "Unavailable", after: 1 }, { code: "Unavailable", after: 1 });
    expect(await textOf(await retrying(inner, clock()).get("a", { offset: 3, length: 22 }))).toBe(
      "3456789abcdefghijABCDE",
    );
    expect(inner.calls).toEqual(["get a 3+22", "get a 13+12", "get a 23+2"]);
  });

  it("that breaks after its last byte is whole", async () => {
    const inner = await faulty({ code: "Unavailable", after: 3 });
    expect(await textOf(await retrying(inner, clock()).get("a", { length: 30 }))).toHaveLength(30);
    expect(inner.calls).toHaveLength(1);
  });

  it("without progress is given up", async () => {
    const inner = await faulty({ code: "Unavailable", after: 1 }, ...repeated(9, { code: "Unavailable", after: 0 }));
    const client = retrying(inner, { ...clock(), attempts: 3 });
    await expect((async () => textOf(await client.get("a")))()).rejects.toMatchObject({ code: "Unavailable" });
    expect(inner.calls).toEqual(["get a 0+all", "get a 10+all", "get a 10+all"]);
  });

  it("after its reader took longer than the total time goes on all the same", async () => {
    const inner = await faulty({ code: "Unavailable", after: 1 });
    let now = 0;
    const client = retrying(inner, { ...clock(), now: () => now, totalMs: 1000 });
    let text = "";
    for await (const chunk of await client.get("a")) {
      text += Buffer.from(chunk).toString();
      now += 5000;
    }
    expect(text).toHaveLength(30);
  });

  it("always yields the object, wherever it breaks", async () => {
    const fault = fc.oneof(
      fc.constant<Fault>(down),
      fc.nat(4).map((after): Fault => ({ code: "Unavailable", after })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 6 }), fc.nat(35), fc.nat(35), async (faults, offset, length) => {
        const inner = await faulty(...faults);
        const client = retrying(inner, { ...clock(), attempts: 20, totalMs: Infinity });
        expect(await textOf(await client.get("a", { offset, length }))).toBe(
          Buffer.from(bytes)
            .toString()
            .slice(offset, offset + length),
        );
      }),
      { numRuns: 100 },
    );
  });
});

it("a listing out of order is passed on whole; one that breaks then is not taken up, since nobody knows what it has given", async () => {
  const inner = await faulty();
  const shuffled = (breaks: boolean) =>
    overriding(inner, {
      async *list(prefix, options) {
        const objects = [];
        for await (const object of inner.list(prefix, options)) objects.push(object);
        yield* [...objects.slice(5), ...objects.slice(0, breaks ? 3 : 5)];
        if (breaks) throw new ReplicaError({ code: "Unavailable", operation: "list", reason: "cut" });
      },
    });
  const keys = await keysOf(retrying(shuffled(false), clock()).list("k/"));
  expect(keys).toEqual([5, 6, 7, 8, 9, 0, 1, 2, 3, 4].map((n) => `k/${n}`));
  await expect(keysOf(retrying(shuffled(true), clock()).list("k/"))).rejects.toMatchObject({ code: "Unavailable" });
});

it("a listing that breaks goes on after the last key, and repeats none", async () => {
  const inner = await faulty(
    { code: "Unavailable", after: 3 },
    { code: "Unavailable", after: 3 },
    { code: "Unavailable", after: 7 },
  );
  const client = retrying(inner, { ...clock(), attempts: 3 });
  expect(await keysOf(client.list("k/"))).toEqual(Array.from({ length: 10 }, (_, n) => `k/${n}`));
});

// What is counted, and when.
import { describe, expect, it } from "vitest";
import { countInto, metered, newOperationMetrics, type OperationOutcome } from "../../src/backend.ts";
import { type Fault, FaultyClient } from "./faulty-client.ts";

function meteredClient(...faults: (Fault | undefined)[]) {
  const outcomes: OperationOutcome[] = [];
  let now = 0;
  const inner = new FaultyClient(...faults);
  // Each look at the clock is a second later.
  const client = metered(
    inner,
    (outcome) => outcomes.push(outcome),
    () => (now += 1000),
  );
  return { client, outcomes, inner };
}

const bytes = new Uint8Array(25);

describe("one finished call is one outcome:", () => {
  it("a put, with the bytes that were stored", async () => {
    const { client, outcomes } = meteredClient();
    await client.put(
      "a",
      (async function* () {
        yield bytes;
        yield bytes;
      })(),
    );
    expect(outcomes).toEqual([{ operation: "put", bytes: 50, objects: 1, seconds: 1, code: undefined }]);
  });

  it("a get, when its stream has ended, with the bytes that were read", async () => {
    const { client, outcomes, inner } = meteredClient();
    await inner.put("a", bytes);
    const stream = await client.get("a");
    expect(outcomes).toEqual([]);
    for await (const _chunk of stream);
    expect(outcomes).toEqual([{ operation: "get", bytes: 25, objects: 1, seconds: 1, code: undefined }]);
  });

  it("a get whose stream was left, with the bytes up to there", async () => {
    const { client, outcomes, inner } = meteredClient();
    await inner.put("a", bytes);
    for await (const _chunk of await client.get("a")) break;
    await (await client.get("a"))[Symbol.asyncIterator]().return?.();
    expect(outcomes).toMatchObject([
      { bytes: 10, code: undefined },
      { bytes: 0, code: undefined },
    ]);
  });

  it("a get that fails before or in its stream, with the code", async () => {
    const { client, outcomes, inner } = meteredClient(undefined, { code: "Denied" }, { code: "Unavailable", after: 2 });
    await inner.put("a", bytes);
    await expect(client.get("a")).rejects.toMatchObject({ code: "Denied" });
    await expect(
      (async () => {
        for await (const _chunk of await client.get("a"));
      })(),
    ).rejects.toMatchObject({ code: "Unavailable" });
    expect(outcomes).toMatchObject([
      { bytes: 0, objects: 0, code: "Denied" },
      { bytes: 20, objects: 1, code: "Unavailable" },
    ]);
  });

  it("a listing and a delete, with the number of objects", async () => {
    const { client, outcomes, inner } = meteredClient();
    for (const key of ["a", "b", "c"]) await inner.put(key, bytes);
    for await (const _object of client.list(""));
    for await (const _object of client.list("")) break;
    await client.delete(["a", "b"]);
    expect(outcomes).toMatchObject([
      { operation: "list", objects: 3 },
      { operation: "list", objects: 1 },
      { operation: "delete", objects: 2 },
    ]);
  });
});

it("outcomes of several clients add up in one plain object", async () => {
  const metrics = newOperationMetrics();
  for (const faults of [
    [],
    [{ code: "Throttled" }],
    [{ code: "Throttled" }],
    [{ code: "NoSpace" }],
  ] satisfies Fault[][]) {
    let now = 0;
    const client = metered(new FaultyClient(...faults), countInto(metrics), () => (now += 500));
    await client.put("a", bytes).catch(() => {});
  }
  expect(metrics.put).toEqual({
    calls: 4,
    failures: 3,
    objects: 1,
    bytes: 25,
    seconds: 2,
    errors: { Throttled: 2, NoSpace: 1 },
  });
  expect(metrics.get).toEqual({ calls: 0, failures: 0, objects: 0, bytes: 0, seconds: 0, errors: {} });
  expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
});

// Gets that pass the SDK's middlewares by: after the pattern of an earlier call, with a signature of their own, and back to the
// SDK wherever the answer is not a plain success.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { type ReplicaClient, ReplicaError } from "@litewake/core/backend";
import { s3 } from "@litewake/s3";
import { afterEach, expect, it } from "vitest";

interface Asked {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** The SDK names itself with each request; ours are bare. */
  readonly bySdk: boolean;
}

let server: http.Server | undefined;
let client: ReplicaClient | undefined;
const asked: Asked[] = [];

afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  server?.close();
  asked.length = 0;
});

const LISTING = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`;

/** `status` decides about gets of objects. */
async function storeThat(
  status: (get: Asked) => number,
  settings: Record<string, string> = {},
): Promise<ReplicaClient> {
  server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://store");
    request.resume();
    if (searchParams.has("list-type")) return void response.end(LISTING);
    const get = { path: pathname, headers: request.headers, bySdk: "amz-sdk-request" in request.headers };
    asked.push(get);
    const code = status(get);
    response.writeHead(code).end(code === 200 ? "bytes" : "<Error><Code>NoSuchKey</Code></Error>");
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const keys = { "access-key-id": "AKEY", "secret-access-key": "very-secret" };
  client = await s3.open({
    settings: {
      bucket: "b",
      path: "root",
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-west-1",
      ...keys,
      ...settings,
    },
    env: {},
  });
  return client;
}

async function text(store: ReplicaClient, key: string): Promise<string> {
  let found = "";
  for await (const chunk of await store.get(key)) found += Buffer.from(chunk).toString();
  return found;
}

async function list(store: ReplicaClient): Promise<void> {
  for await (const object of store.list("")) throw new Error(`there is ${object.key}`);
}

it("come after a listing or a get, signed, with the key encoded as the SDK encodes it", async () => {
  const store = await storeThat(() => 200);
  const key = "a folder/ü+(1)!*'~.bin";
  expect(await text(store, key)).toBe("bytes");
  expect(await text(store, key)).toBe("bytes");
  const [first, second] = asked;
  expect([first?.bySdk, second?.bySdk]).toEqual([true, false]);
  expect(second?.path).toBe(first?.path);
  expect(second?.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKEY\/\d{8}\/eu-west-1\/s3\/aws4_request, SignedHeaders=host;/,
  );
  expect(JSON.stringify(second?.headers)).not.toContain("very-secret");
  expect(second?.headers.host).toBe(first?.headers.host);
});

it("need no get before when there was a listing", async () => {
  const store = await storeThat(() => 200);
  await list(store);
  expect(await text(store, "x/y")).toBe("bytes");
  expect(asked.map(({ path, bySdk }) => [path, bySdk])).toEqual([["/b/root/x/y", false]]);
});

it.each([404, 403, 503, 301])("leave an answer of %i to the SDK", async (status) => {
  const store = await storeThat(({ bySdk }) => (bySdk ? 404 : status));
  await list(store);
  const error: unknown = await text(store, "x").catch((reason: unknown) => reason);
  expect(ReplicaError.is(error, "NotFound")).toBe(true);
  expect(asked.map(({ bySdk }) => bySdk)).toEqual([false, true]);
});

it("leave a broken connection to the SDK", async () => {
  const store = await storeThat(({ bySdk, headers }) => {
    if (!bySdk) server?.closeAllConnections();
    return headers.host === undefined ? 400 : 200;
  });
  await list(store);
  expect(await text(store, "x")).toBe("bytes");
  expect(asked.at(-1)?.bySdk).toBe(true);
});

it("carry a customer's key, which a listing does not show", async () => {
  const customerKey = Buffer.alloc(32, 7).toString("base64");
  const store = await storeThat(() => 200, { "sse-customer-key": customerKey });
  await list(store);
  await text(store, "x");
  await text(store, "y");
  expect(asked.map(({ bySdk }) => bySdk)).toEqual([true, false]);
  for (const { headers } of asked) expect(headers["x-amz-server-side-encryption-customer-key"]).toBe(customerKey);
});

it("say at once that nobody is there", async () => {
  const store = await storeThat(() => 200);
  await list(store);
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  const error: unknown = await text(store, "x").catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "Unavailable", retryable: true, operation: "get", key: "x" });
});

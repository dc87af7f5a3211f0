// What stores answer when they fail, over a real connection: the code, whether a retry can help, and the way back.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { type ReplicaClient, ReplicaError, retrying } from "@litewake/core/backend";
import { s3 } from "@litewake/s3";
import { afterEach, describe, expect, it } from "vitest";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

let server: http.Server | undefined;
let client: ReplicaClient | undefined;

afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  server?.close();
});

async function storeThat(handler: Handler, settings: Record<string, string> = {}): Promise<ReplicaClient> {
  server = http.createServer((request, response) => {
    request.resume().on("end", () => handler(request, response));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const keys = { "access-key-id": "key", "secret-access-key": "very-secret" };
  client = await s3.open({
    settings: { bucket: "b", endpoint: `http://127.0.0.1:${port}`, ...keys, ...settings },
    env: {},
  });
  return client;
}

const refusal =
  (status: number, code: string): Handler =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said by the store</Message><RequestId>R1</RequestId></Error>`,
    );
  };

describe("a put that the store answers with", () => {
  it.each([
    [503, "SlowDown", "Throttled", true],
    [503, "ServiceUnavailable", "Throttled", true],
    [429, "TooManyRequests", "Throttled", true],
    [500, "InternalError", "Unavailable", true],
    [502, "", "Unavailable", true],
    [409, "ConditionalRequestConflict", "Unavailable", true],
    [400, "RequestTimeout", "Unavailable", true],
    [507, "XMinioStorageFull", "NoSpace", true],
    [412, "PreconditionFailed", "Conflict", false],
    [403, "AccessDenied", "Denied", false],
    [403, "InvalidAccessKeyId", "Denied", false],
    [403, "RequestTimeTooSkewed", "Denied", false],
    [400, "ExpiredToken", "Denied", false],
    [404, "NoSuchBucket", "NoSuchStore", false],
    [501, "NotImplemented", "Unsupported", false],
    [400, "EntityTooLarge", "Unsupported", false],
    [400, "KMS.NotFoundException", "InvalidConfig", false],
    [400, "SomethingNew", "Unknown", false],
    [505, "SomethingNew", "Unknown", true],
  ])("%i %s is %s, and a retry can help: %s", async (status, code, expected, retryable) => {
    const store = await storeThat(refusal(status, code));
    const error: unknown = await store.put("a/b", new Uint8Array(10)).catch((reason: unknown) => reason);
    if (!ReplicaError.is(error)) throw new Error(`no ReplicaError: ${String(error)}`);
    expect(error).toMatchObject({ code: expected, retryable, operation: "put", key: "a/b" });
    expect(error.message).not.toContain("\n");
    expect(error.cause).toMatchObject({ status });
  });
});

it("an object that is archived is told apart from one that is forbidden", async () => {
  const store = await storeThat(refusal(403, "InvalidObjectState"));
  await expect(store.get("a")).rejects.toMatchObject({
    code: "Unsupported",
    message: expect.stringContaining("restore it from the archive first"),
  });
});

it("a store that throttles is asked again, and recovers", async () => {
  let calls = 0;
  const slow = refusal(503, "SlowDown");
  const store = await storeThat((request, response) => {
    calls += 1;
    if (calls <= 3) slow(request, response);
    else response.writeHead(200, { etag: '"x"' }).end();
  });
  const waits: number[] = [];
  const patient = retrying(store, { sleep: async (ms) => void waits.push(ms), random: () => 0.99 });
  await expect(patient.put("a", new Uint8Array(5))).resolves.toMatchObject({ size: 5 });
  expect(calls).toBe(4);
  expect(waits).toEqual([99, 198, 396]);
});

it("a body that ends too early is an error, and is taken up where it broke", async () => {
  const whole = Buffer.alloc(100_000, 7).fill(1, 0, 50_000);
  let calls = 0;
  const store = await storeThat((request, response) => {
    calls += 1;
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const rest = whole.subarray(from);
    response.writeHead(from === 0 ? 200 : 206, { "content-length": rest.byteLength });
    if (calls > 1) response.end(rest);
    else response.write(rest.subarray(0, 30_000), () => setTimeout(() => response.destroy(), 50));
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of await retrying(store, { sleep: async () => {} }).get("a")) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(whole)).toBe(true);
  expect(calls).toBe(2);
});

it.each([
  ["Amazon's", "https", "always"],
  ["a compatible store's", "http", "required"],
])("no put sends a trailing checksum; %s profile over %s", async (_name, _scheme, checksums) => {
  let headers: http.IncomingHttpHeaders = {};
  const store = await storeThat(
    (request, response) => {
      headers = request.headers;
      response.writeHead(200).end();
    },
    { checksums },
  );
  await store.put(
    "a",
    (async function* () {
      yield Buffer.from("a stream");
    })(),
  );
  expect(headers["x-amz-trailer"]).toBeUndefined();
  expect(headers["content-encoding"] ?? "").not.toContain("aws-chunked");
  expect(headers["content-length"]).toBe("8");
  expect(headers["x-amz-checksum-crc32"] !== undefined).toBe(checksums === "always");
});

it("a bulk delete carries Content-MD5 where the store may need it, and no newer checksum", async () => {
  let headers: http.IncomingHttpHeaders = {};
  const store = await storeThat((request, response) => {
    headers = request.headers;
    response.writeHead(200, { "content-type": "application/xml" }).end("<DeleteResult/>");
  });
  await store.delete(["a", "b"]);
  expect(headers["content-md5"]).toMatch(/^[A-Za-z0-9+/]{22}==$/);
  expect(Object.keys(headers).filter((name) => name.startsWith("x-amz-checksum"))).toEqual([]);
});

it("one key that a bulk delete refuses fails the call, and is named", async () => {
  const store = await storeThat((_request, response) => {
    response.writeHead(200, { "content-type": "application/xml" });
    response.end(
      "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>",
    );
  });
  await expect(store.delete(["a", "b"])).rejects.toMatchObject({ code: "Denied", key: "b" });
});

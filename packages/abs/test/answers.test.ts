// What Azure answers when it fails, over a real connection: the code, and whether a retry can help.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { abs } from "@litewake/abs";
import { type ReplicaClient, ReplicaError, retrying } from "@litewake/core/backend";
import { afterEach, describe, expect, it } from "vitest";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

const KEY = Buffer.from("a key of some account").toString("base64");
let server: http.Server | undefined;
let client: ReplicaClient | undefined;

afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  server?.close();
});

async function storeThat(handler: Handler): Promise<ReplicaClient> {
  server = http.createServer((request, response) => {
    request.resume().on("end", () => handler(request, response));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  client = await abs.open({
    url: `abs://acct@backups/x?endpoint=http://127.0.0.1:${port}`,
    settings: { "account-key": KEY },
    env: {},
  });
  return client;
}

const refusal =
  (status: number, code: string): Handler =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/xml", "x-ms-error-code": code });
    response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said by the store\nRequestId:1</Message></Error>`,
    );
  };

describe("a put that the store answers with", () => {
  it.each([
    [409, "BlobAlreadyExists", "Conflict", false],
    [412, "ConditionNotMet", "Conflict", false],
    [409, "ContainerBeingDeleted", "Unavailable", true],
    [409, "BlobImmutableDueToPolicy", "Denied", false],
    [412, "LeaseIdMissing", "Denied", false],
    [403, "AuthenticationFailed", "Denied", false],
    [403, "AuthorizationPermissionMismatch", "Denied", false],
    [401, "NoAuthenticationInformation", "Denied", false],
    [404, "ContainerNotFound", "NoSuchStore", false],
    [503, "ServerBusy", "Throttled", true],
    [500, "InternalError", "Unavailable", true],
    [500, "OperationTimedOut", "Unavailable", true],
    [413, "RequestBodyTooLarge", "Unsupported", false],
    [400, "SomethingNew", "Unknown", false],
  ])("%i %s is %s, and a retry can help: %s", async (status, answer, code, retryable) => {
    const store = await storeThat(refusal(status, answer));
    const error: unknown = await store
      .put("a/b", new Uint8Array(10), { ifAbsent: true })
      .catch((reason: unknown) => reason);
    if (!ReplicaError.is(error)) throw new Error(`no ReplicaError: ${String(error)}`);
    expect(error).toMatchObject({ code, retryable, operation: "put", key: "a/b" });
    expect(error.message).not.toContain("\n");
    expect(error.cause).toMatchObject({ status });
  });
});

it("a store that is busy is asked again by core, and by nobody else", async () => {
  let calls = 0;
  const busy = refusal(503, "ServerBusy");
  const store = await storeThat((request, response) => {
    calls += 1;
    if (calls <= 3) busy(request, response);
    else response.writeHead(201, { etag: '"x"', "last-modified": new Date().toUTCString() }).end();
  });
  await expect(store.put("a", new Uint8Array(5))).rejects.toMatchObject({ code: "Throttled" });
  expect(calls).toBe(1);
  await expect(retrying(store, { sleep: async () => {} }).put("a", new Uint8Array(5))).resolves.toMatchObject({
    size: 5,
  });
  expect(calls).toBe(4);
});

it("a body that ends too early is an error, and is taken up where it broke", async () => {
  const whole = Buffer.alloc(100_000, 7).fill(1, 0, 50_000);
  let calls = 0;
  const store = await storeThat((request, response) => {
    calls += 1;
    const asked = request.headers["x-ms-range"] ?? request.headers.range ?? "";
    const from = Number(/bytes=(\d+)-/.exec(String(asked))?.[1] ?? 0);
    const rest = whole.subarray(from);
    response.writeHead(from === 0 ? 200 : 206, { "content-length": rest.byteLength, etag: '"x"' });
    if (calls > 1) response.end(rest);
    else response.write(rest.subarray(0, 30_000), () => setTimeout(() => response.destroy(), 50));
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of await retrying(store, { sleep: async () => {} }).get("a")) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(whole)).toBe(true);
  expect(calls).toBe(2);
});

it("a store that is not there is Unavailable", async () => {
  const store = await storeThat(() => {});
  server?.close();
  await new Promise((resolve) => server?.once("close", resolve));
  await expect(store.get("a")).rejects.toMatchObject({
    code: "Unavailable",
    message: expect.stringContaining("connection was refused"),
  });
});

// What Google answers, over a real connection: codes, credentials, and what the requests carry.
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { type ReplicaClient, ReplicaError } from "@litewake/core/backend";
import { gcs } from "@litewake/gcs";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterEach, describe, expect, it } from "vitest";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

let server: http.Server | undefined;
let client: ReplicaClient | undefined;

afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  server?.close();
});

async function listen(handler: Handler): Promise<string> {
  server = http.createServer((request, response) => {
    let body = "";
    request
      .on("data", (chunk: Buffer) => (body += chunk.toString("latin1")))
      .on("end", () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function storeThat(handler: Handler, query = ""): Promise<ReplicaClient> {
  client = await gcs.open({
    url: `gs://b-b/root${query}`,
    settings: {},
    env: { STORAGE_EMULATOR_HOST: await listen(handler) },
  });
  return client;
}

const refusal =
  (status: number, reason: string, message = "said by the store"): Handler =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { code: status, message, errors: [{ reason, message }] } }));
  };

describe("a put that the store answers with", () => {
  it.each([
    [401, "authError", "Denied", false],
    [403, "forbidden", "Denied", false],
    [403, "rateLimitExceeded", "Throttled", true],
    [404, "notFound", "NoSuchStore", false],
    [412, "conditionNotMet", "Conflict", false],
    [429, "rateLimitExceeded", "Throttled", true],
    [500, "backendError", "Unavailable", true],
    [502, "", "Unavailable", true],
    [503, "backendError", "Unavailable", true],
    [400, "invalid", "Unknown", false],
  ])("%i %s is %s, and a retry can help: %s", async (status, reason, code, retryable) => {
    const store = await storeThat(refusal(status, reason));
    await expect(store.put("a/b", new Uint8Array(10))).rejects.toMatchObject({
      name: "ReplicaError",
      code,
      retryable,
      operation: "put",
      key: "a/b",
    });
  });
});

it.each([
  ["No such object: b-b/root/a", "NotFound"],
  ["The specified bucket does not exist.", "NoSuchStore"],
])("a get of what is not there: %s is %s", async (message, code) => {
  const store = await storeThat(refusal(404, "notFound", message));
  await expect(store.get("a")).rejects.toMatchObject({ code });
});

it("objects take the storage class, the KMS key and the paying project that the settings name", async () => {
  const seen: { url: string; body: string }[] = [];
  const kms = "projects/p/locations/eu/keyRings/r/cryptoKeys/k";
  const store = await storeThat((request, response, body) => {
    seen.push({ url: decodeURIComponent(request.url ?? ""), body });
    response.end(JSON.stringify({ size: "3", timeCreated: "2026-01-01T00:00:00Z" }));
  }, `?kms-key-name=${kms}&storage-class=coldline&user-project=payer`);
  expect(await store.put("a", Buffer.from("abc"), { ifAbsent: true })).toEqual({
    size: 3,
    modifiedAt: new Date("2026-01-01T00:00:00Z"),
  });
  expect(seen[0]?.url).toContain(`kmsKeyName=${kms}`);
  expect(seen[0]?.url).toContain("userProject=payer");
  expect(seen[0]?.url).toContain("ifGenerationMatch=0");
  expect(seen[0]?.body).toContain('"storageClass":"COLDLINE"');
});

it("a store that says it took fewer bytes than were sent is not believed", async () => {
  const store = await storeThat((_request, response) =>
    response.end(JSON.stringify({ size: "2", timeCreated: "2026-01-01T00:00:00Z" })),
  );
  await expect(store.put("a", Buffer.from("abc"))).rejects.toMatchObject({ code: "Unavailable", retryable: true });
});

it("a body that ends too early is an error", async () => {
  const store = await storeThat((_request, response) => {
    response.writeHead(200, { "content-length": 100_000 });
    response.write(Buffer.alloc(50_000), () => setTimeout(() => response.destroy(), 20));
  });
  const read = async (): Promise<void> => {
    for await (const _chunk of await store.get("a"));
  };
  await expect(read()).rejects.toMatchObject({ code: "Unavailable", retryable: true });
});

describe("credentials of a workload identity", () => {
  function keyFile(folder: TempDir, host: string): string {
    fs.writeFileSync(folder.join("subject"), "very-secret-subject");
    fs.writeFileSync(
      folder.join("key.json"),
      JSON.stringify({
        type: "external_account",
        audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p",
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
        token_url: `http://${host}/token`,
        credential_source: { file: folder.join("subject") },
      }),
    );
    return folder.join("key.json");
  }

  it("are exchanged for a token, once, which each request carries", async () => {
    using folder = tempDir("gcs-key");
    const seen: string[] = [];
    const host = await listen((request, response) => {
      const isToken = request.url === "/token";
      seen.push(isToken ? "token" : String(request.headers.authorization));
      response.setHeader("content-type", "application/json");
      const token = {
        access_token: "the-token",
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
        token_type: "Bearer",
        expires_in: 3600,
      };
      response.end(JSON.stringify(isToken ? token : { size: "0", timeCreated: "2026-01-01T00:00:00Z" }));
    });
    client = await gcs.open({
      url: `gs://b-b/root?endpoint=http://${host}`,
      settings: { "key-file": keyFile(folder, host) },
      env: {},
    });
    await client.put("a", new Uint8Array(0));
    await client.put("b", new Uint8Array(0));
    expect(seen).toEqual(["token", "Bearer the-token", "Bearer the-token"]);
  });

  it("that are refused are Denied in one line, with what to do, and are not shown", async () => {
    using folder = tempDir("gcs-key");
    const host = await listen((_request, response) => {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: "invalid_grant", error_description: "the subject is not known" }));
    });
    client = await gcs.open({
      url: `gs://b-b/root?endpoint=http://${host}`,
      settings: { "key-file": keyFile(folder, host) },
      env: {},
    });
    const error: unknown = await client.get("a").catch((reason: unknown) => reason);
    if (!ReplicaError.is(error, "Denied")) throw new Error(`not denied: ${String(error)}`);
    expect(error.message).toContain("set GOOGLE_APPLICATION_CREDENTIALS to a key file");
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain("very-secret-subject");
  });
});

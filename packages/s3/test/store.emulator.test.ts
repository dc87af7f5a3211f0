// What the S3 backend does to a real store, looked at from outside by another client.
import { randomBytes, randomUUID } from "node:crypto";
import { buffer } from "node:stream/consumers";
import type { ByteStream, ReplicaClient } from "@litewake/core/backend";
import { s3 } from "@litewake/s3";
import { minio, minioClient, temporaryCredentials } from "@litewake-tooling/emulators";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePort, startTlsMinio, type TlsMinio } from "./tls-minio.ts";

const root = `store-${randomUUID().slice(0, 8)}`;
const keys = { "access-key-id": minio.accessKeyId, "secret-access-key": minio.secretAccessKey };
const other = minioClient();
const opened: ReplicaClient[] = [];

async function open(settings: Record<string, string> = {}): Promise<ReplicaClient> {
  const client = await s3.open({
    settings: { bucket: minio.bucket, path: root, endpoint: minio.endpoint, ...keys, ...settings },
    env: {},
  });
  opened.push(client);
  return client;
}

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

const incompleteUploads = async (prefix: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const upload of other.listIncompleteUploads(minio.bucket, prefix, true)) found.push(String(upload.key));
  return found;
};

describe("objects", () => {
  it.each([
    ["small", 1000],
    ["of one part exactly", 5 << 20],
    ["of several parts", (12 << 20) + 17],
  ])("that are %s are read by another S3 client byte for byte", async (_size, length) => {
    const client = await open();
    const bytes = randomBytes(length);
    const { size, modifiedAt } = await client.put(`seen/${length}`, inChunks(bytes, 100_000));
    expect(size).toBe(length);
    expect((await buffer(await other.getObject(minio.bucket, `${root}/seen/${length}`))).equals(bytes)).toBe(true);
    const stat = await other.statObject(minio.bucket, `${root}/seen/${length}`);
    expect(Math.abs(stat.lastModified.getTime() - modifiedAt.getTime())).toBeLessThan(2000);
  });

  it("of another S3 client are read byte for byte", async () => {
    const bytes = randomBytes(100_000);
    await other.putObject(minio.bucket, `${root}/theirs/object`, bytes);
    const client = await open();
    expect((await collect(await client.get("theirs/object"))).equals(bytes)).toBe(true);
  });

  it("that are a console's folders are not listed", async () => {
    await other.putObject(minio.bucket, `${root}/console/`, Buffer.alloc(0));
    const client = await open();
    await client.put("console/object", new Uint8Array(1));
    const listed: string[] = [];
    for await (const { key } of client.list("console")) listed.push(key);
    expect(listed).toEqual(["console/object"]);
  });

  it("carry the tags that the settings name", async () => {
    const client = await open({ tags: "team=data, kind=back up" });
    await client.put("tagged", new Uint8Array(1));
    const tags = await other.getObjectTagging(minio.bucket, `${root}/tagged`);
    expect(tags.map(({ Key, Value }) => [Key, Value])).toEqual(
      expect.arrayContaining([
        ["team", "data"],
        ["kind", "back up"],
      ]),
    );
  });

  it("take the storage class that the settings name", async () => {
    const client = await open({ "storage-class": "REDUCED_REDUNDANCY" });
    await client.put("reduced", new Uint8Array(1));
    const { metaData } = await other.statObject(minio.bucket, `${root}/reduced`);
    expect(metaData["storage-class"] ?? metaData["x-amz-storage-class"] ?? JSON.stringify(metaData)).toContain(
      "REDUCED_REDUNDANCY",
    );
  });
});

describe("an upload in parts", () => {
  it("that is aborted leaves no parts behind", async () => {
    const client = await open();
    const abort = new AbortController();
    const body = async function* () {
      for (let n = 0; n < 3; n += 1) yield new Uint8Array(5 << 20);
      abort.abort();
      yield new Uint8Array(5 << 20);
    };
    await expect(client.put("parts/aborted", body(), { signal: abort.signal })).rejects.toMatchObject({
      code: "Aborted",
    });
    // The parts are freed after the call has answered.
    await expect.poll(() => incompleteUploads(`${root}/parts/`), { timeout: 10_000 }).toEqual([]);
  });

  it("that loses to a rival leaves the rival's object and no parts", async () => {
    const client = await open();
    const body = async function* () {
      yield new Uint8Array(11 << 20);
      await client.put("parts/rival", Buffer.from("the rival's"));
    };
    await expect(client.put("parts/rival", body(), { ifAbsent: true })).rejects.toMatchObject({ code: "Conflict" });
    expect((await collect(await client.get("parts/rival"))).toString()).toBe("the rival's");
    await expect.poll(() => incompleteUploads(`${root}/parts/`), { timeout: 10_000 }).toEqual([]);
  });
});

describe("over TLS", () => {
  let server: TlsMinio;
  let endpoint: string;
  let certificate: string;

  beforeAll(async () => {
    server = await startTlsMinio();
    ({ endpoint, certificate } = server);
  });

  afterAll(() => server.stop());

  it("a private CA works by ca-file, and by AWS_CA_BUNDLE", async () => {
    const client = await open({ endpoint, "ca-file": certificate });
    await client.put("tls/object", Buffer.from("over TLS"));
    const byEnv = await s3.open({
      settings: { bucket: minio.bucket, path: root, endpoint, ...keys },
      env: { AWS_CA_BUNDLE: certificate },
    });
    opened.push(byEnv);
    expect((await collect(await byEnv.get("tls/object"))).toString()).toBe("over TLS");
  });

  it("without it the line says what to give", async () => {
    const client = await open({ endpoint });
    await expect(client.get("tls/object")).rejects.toMatchObject({
      code: "InvalidConfig",
      retryable: false,
      message: expect.stringMatching(/certificate .*; give its CA by ca-file:/),
    });
  });

  it("skip-verify takes any certificate", async () => {
    const client = await open({ endpoint, "skip-verify": "true" });
    await expect(client.put("tls/skipped", new Uint8Array(1))).resolves.toMatchObject({ size: 1 });
  });

  it("plain http where TLS is spoken is one line", async () => {
    const client = await open({ endpoint: endpoint.replace("https:", "http:") });
    await expect(client.get("a")).rejects.toMatchObject({
      name: "ReplicaError",
      message: expect.not.stringContaining("\n"),
    });
  });
});

it("temporary credentials work, and what their policy does not allow is Denied", async () => {
  const writer = await open();
  await writer.put("session/object", Buffer.from("x"));
  const { accessKeyId, secretAccessKey, sessionToken } = await temporaryCredentials(["s3:GetObject", "s3:ListBucket"]);
  const session = { "access-key-id": accessKeyId, "secret-access-key": secretAccessKey };
  const reader = await open({ ...session, "session-token": sessionToken });
  expect((await collect(await reader.get("session/object"))).toString()).toBe("x");
  await expect(reader.put("session/other", new Uint8Array(1))).rejects.toMatchObject({
    code: "Denied",
    retryable: false,
  });
  await expect(reader.delete(["session/object"])).rejects.toMatchObject({ code: "Denied" });
  const tokenless = await open(session);
  await expect(tokenless.get("session/object")).rejects.toMatchObject({ code: "Denied" });
});

describe("a store that is not there", () => {
  it("refuses the connection: Unavailable, and a retry can help", async () => {
    const client = await open({ endpoint: `http://127.0.0.1:${await freePort()}` });
    await expect(client.get("a")).rejects.toMatchObject({
      code: "Unavailable",
      retryable: true,
      message: expect.stringContaining("connection was refused"),
    });
  });

  it("has no such bucket: one line that names it", async () => {
    const client = await open({ bucket: "no-such-bucket" });
    await expect(client.put("a", new Uint8Array(1))).rejects.toMatchObject({
      code: "NoSuchStore",
      message: expect.stringContaining("no-such-bucket at 127.0.0.1"),
    });
  });
});

// Encryption at the store, proved on a MinIO with a KMS of its own: by the store's key, by a key of the KMS, and by a customer's
// key, which every request must carry. What lies on its disk is looked at, and what a wrong key comes to.
import { randomBytes, randomUUID } from "node:crypto";
import fs from "node:fs";
import https from "node:https";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type ByteStream, type ReplicaClient, ReplicaError } from "@litewake/core/backend";
import { s3 } from "@litewake/s3";
import { minio } from "@litewake-tooling/emulators";
import { runLitewake, tempDir } from "@litewake-tooling/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { KMS_KEY, startTlsMinio, type TlsMinio } from "./tls-minio.ts";

const keys = { "access-key-id": minio.accessKeyId, "secret-access-key": minio.secretAccessKey };
const customerKey = randomBytes(32).toString("base64");
const otherKey = randomBytes(32).toString("base64");
const root = `sse-${randomUUID().slice(0, 8)}`;
const opened: ReplicaClient[] = [];
let server: TlsMinio;

beforeAll(async () => {
  server = await startTlsMinio();
});

afterAll(() => server.stop());

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});

async function open(settings: Record<string, string> = {}, env: Record<string, string> = {}): Promise<ReplicaClient> {
  const { endpoint, certificate } = server;
  const place = { bucket: minio.bucket, path: root, endpoint, "ca-file": certificate };
  const client = await s3.open({ settings: { ...place, ...keys, ...settings }, env });
  opened.push(client);
  return client;
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

/** Bytes of everything that the store has on its disk below a key. */
function onDisk(key: string): Buffer {
  const folder = path.join(server.data, minio.bucket, root, key);
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return Buffer.concat(
    entries.filter((entry) => entry.isFile()).map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name))),
  );
}

async function headOf(key: string): Promise<{ readonly sse: string | undefined; readonly kmsKey: string | undefined }> {
  const { endpoint, certificate } = server;
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: minio.accessKeyId, secretAccessKey: minio.secretAccessKey },
    requestHandler: { httpsAgent: new https.Agent({ ca: fs.readFileSync(certificate) }) },
  });
  const head = await client.send(new HeadObjectCommand({ Bucket: minio.bucket, Key: `${root}/${key}` }));
  client.destroy();
  return { sse: head.ServerSideEncryption, kmsKey: head.SSEKMSKeyId };
}

/** Eight times the same, so that it is found wherever the store cuts it. */
const known = randomBytes(64);
const small = Buffer.concat(Array.from({ length: 8 }, () => known));
const big = Buffer.concat([small, randomBytes(6 << 20), small]);

describe.each([
  ["the store's own key", { sse: "AES256" }, { sse: "AES256", kmsKey: undefined }],
  ["the KMS's default key", { sse: "aws:kms" }, { sse: "aws:kms", kmsKey: KMS_KEY }],
  ["a key of the KMS by its name", { "sse-kms-key-id": KMS_KEY }, { sse: "aws:kms", kmsKey: KMS_KEY }],
  ["a customer's key", { "sse-customer-key": customerKey }, undefined],
])("with %s", (name, settings, head) => {
  const folder = name.replaceAll(/[^a-z]+/g, "-");

  it("nothing lies in clear on the store's disk, and everything comes back", async () => {
    const client = await open(settings);
    await client.put(`${folder}/small`, small);
    await client.put(`${folder}/big`, inChunks(big, 1 << 20));
    await client.put(`${folder}/once`, small, { ifAbsent: true });
    for (const key of ["small", "big", "once"]) expect(onDisk(`${folder}/${key}`).includes(known), key).toBe(false);
    // Through the SDK, and then past its middlewares.
    for (let round = 0; round < 2; round++) {
      expect((await collect(await client.get(`${folder}/small`))).equals(small)).toBe(true);
      expect((await collect(await client.get(`${folder}/big`))).equals(big)).toBe(true);
      const part = await collect(await client.get(`${folder}/big`, { offset: 5_000_000, length: 1_000_000 }));
      expect(part.equals(big.subarray(5_000_000, 6_000_000))).toBe(true);
      expect(await collect(await client.get(`${folder}/small`, { length: 0 }))).toHaveLength(0);
    }
    await expect(client.put(`${folder}/once`, small, { ifAbsent: true })).rejects.toMatchObject({ code: "Conflict" });
    const sizes: number[] = [];
    for await (const { size } of client.list(`${folder}/`)) sizes.push(size);
    expect(sizes).toEqual([big.byteLength, small.byteLength, small.byteLength]);
    if (head !== undefined) {
      const { sse, kmsKey } = await headOf(`${folder}/small`);
      expect(sse).toBe(head.sse);
      expect(kmsKey?.replace(/^arn:aws:kms:/, "")).toBe(head.kmsKey);
    }
    await client.delete(["small", "big", "once"].map((key) => `${folder}/${key}`));
  });
});

it("without encryption the same search finds the content", async () => {
  const client = await open();
  await client.put("clear/small", small);
  expect(onDisk("clear/small").includes(known)).toBe(true);
});

describe("a customer's key", () => {
  /** The one line of a call that must fail. */
  async function lineOf(call: () => Promise<unknown>): Promise<{ code: string; retryable: boolean; message: string }> {
    const error: unknown = await call().catch((reason: unknown) => reason);
    if (!ReplicaError.is(error)) throw error;
    expect(error.message).not.toContain("\n");
    for (const secret of [customerKey, otherKey]) expect(error.message).not.toContain(secret);
    return error;
  }

  it("that is wrong or missing is said in one line, by every way of reading", async () => {
    await (await open({ "sse-customer-key": customerKey })).put("keyed/object", small);
    const wrong = await open({ "sse-customer-key": otherKey });
    // A pattern for the gets that pass the SDK's middlewares by is learnt from a get that works.
    await wrong.put("keyed/own", small);
    await collect(await wrong.get("keyed/own"));
    const none = await open();
    for (const options of [{}, { offset: 10 }, { offset: 0, length: 5 }, { length: 0 }]) {
      const { code, retryable, message } = await lineOf(() => wrong.get("keyed/object", options));
      expect([code, retryable]).toEqual(["Denied", false]);
      expect(message).toMatch(/^get keyed\/object: .*sse-customer-key/);
      expect(await lineOf(() => none.get("keyed/object", options))).toMatchObject({
        code: "InvalidConfig",
        retryable: false,
        message: expect.stringMatching(/encrypted with a customer's key[;,] give it by sse-customer-key/),
      });
    }
    const plain = await open();
    await plain.put("keyed/plain", small);
    expect((await lineOf(() => wrong.get("keyed/plain"))).message).toMatch(/not encrypted with a customer's key/);
  });

  it("comes from the environment too, and a database is shipped and restored with it", async () => {
    using folder = tempDir("sse-c");
    const database = folder.join("shop.db");
    const db = new DatabaseSync(database);
    db.exec("pragma journal_mode = wal; create table notes(text); insert into notes values ('sealed by the store')");
    const url = `s3://${minio.bucket}/${root}/replica?endpoint=${server.endpoint}&ca-file=${server.certificate}`;
    const env = { AWS_ACCESS_KEY_ID: minio.accessKeyId, AWS_SECRET_ACCESS_KEY: minio.secretAccessKey };
    const keyed = { ...env, LITEWAKE_S3_SSE_CUSTOMER_KEY: customerKey };
    const shipped = await runLitewake(["replicate", "-once", database, url], { env: keyed });
    db.close();
    expect(shipped.code, shipped.stdout + shipped.stderr).toBe(0);
    const restore = (output: string, runEnv: Record<string, string>) =>
      runLitewake(["restore", "-patience", "0", "-o", folder.join(output), url], { env: runEnv });
    expect(await restore("right.db", keyed)).toMatchObject({ code: 0 });
    using restored = new DatabaseSync(folder.join("right.db"), { readOnly: true });
    expect(restored.prepare("select text from notes").get()).toEqual({ text: "sealed by the store" });
    const wrong = await restore("wrong.db", { ...env, LITEWAKE_S3_SSE_CUSTOMER_KEY: otherKey });
    expect(wrong.code).toBe(4);
    expect(wrong.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(wrong.stderr).toMatch(/sse-customer-key/);
    const none = await restore("none.db", env);
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/give it by sse-customer-key/);
    expect(fs.readdirSync(folder.path).filter((name) => /^(?:wrong|none)/.test(name))).toEqual([]);
  });
});

it("a KMS key that does not exist is one line", async () => {
  const client = await open({ sse: "aws:kms", "sse-kms-key-id": "no-such-key" });
  const error: unknown = await client.put("a", small).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "InvalidConfig", retryable: false, message: expect.stringContaining("KMS key") });
});

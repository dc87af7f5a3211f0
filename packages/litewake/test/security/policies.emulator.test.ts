// The least privilege that examples/policies/ grants is what the backends ask for: recorded between client and store, and,
// on S3, granted by MinIO's policy engine to a whole life of shipping, retention and restoring.
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { azurite, credentialsUnder, gcs as googleEndpoint, minio } from "@litewake-tooling/emulators";
import { repositoryRoot, tempDir } from "@litewake-tooling/testkit";
import { abs } from "@litewake/abs";
import { Replication, restore } from "@litewake/core";
import type { Backend, ReplicaClient, SettingValue } from "@litewake/core/backend";
import { gcs } from "@litewake/gcs";
import { s3 } from "@litewake/s3";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";

const ROLES = ["restore-only", "ship-only", "full"] as const;
type Role = (typeof ROLES)[number];
const PART_BYTES = 9 << 20;

function policyText(cloud: string, role: Role): string {
  return fs.readFileSync(path.join(repositoryRoot, "examples/policies", `${cloud}-${role}.json`), "utf8");
}

/** Hands requests on and notes them. */
class Recorder implements AsyncDisposable {
  readonly calls: { readonly method: string; readonly url: URL }[] = [];
  readonly #server: http.Server;

  constructor(store: string) {
    this.#server = http.createServer((request, response) => {
      this.calls.push({ method: request.method ?? "", url: new URL(request.url ?? "/", store) });
      const { port, hostname } = new URL(store);
      const { method, headers, url } = request;
      const onward = http.request({ hostname, port, method, path: url, headers }, (answer) => {
        // An upload's session goes on at the address that the store tells.
        const location = answer.headers.location?.replace(/^http:\/\/[^/]+/, this.address);
        response.writeHead(answer.statusCode ?? 500, {
          ...answer.headers,
          ...(location === undefined ? {} : { location }),
        });
        answer.pipe(response);
      });
      onward.on("error", () => response.destroy());
      request.pipe(onward);
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** What each role does with a store; a broken upload is taken back. */
async function act(client: ReplicaClient, role: Role): Promise<void> {
  const key = `${role}/a`;
  if (role !== "restore-only") {
    await client.put(key, Buffer.from("abc"), { ifAbsent: true });
    await client.put(
      `${role}/large`,
      (async function* () {
        for (let n = 0; n < 3; n++) yield Buffer.alloc(PART_BYTES, n);
      })(),
    );
    const broken = client.put(
      `${role}/broken`,
      (async function* () {
        yield Buffer.alloc(2 * PART_BYTES);
        throw new Error("the source broke");
      })(),
    );
    await expect(broken).rejects.toThrow(/the source broke/);
  }
  for await (const object of client.list(`${role}/`)) void object;
  for (const range of [{}, { offset: 1, length: 1 }, { length: 0 }]) {
    const bytes = await client.get(role === "restore-only" ? "ship-only/a" : key, range);
    for await (const chunk of bytes) void chunk;
  }
  if (role === "full") await client.delete([key, `${role}/large`]);
}

interface Cloud {
  readonly name: string;
  readonly backend: Backend;
  readonly store: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** The right that a call needs; undefined: none beyond that of the call that began it. */
  readonly rightOf: (method: string, url: URL) => string | undefined;
  readonly granted: (policy: string) => readonly string[];
}

const root = `policies-${randomUUID().slice(0, 8)}`;
const blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/";

const CLOUDS: readonly Cloud[] = [
  {
    name: "s3",
    backend: s3,
    store: minio.endpoint,
    settings: {
      bucket: minio.bucket,
      path: root,
      "access-key-id": minio.accessKeyId,
      "secret-access-key": minio.secretAccessKey,
    },
    rightOf(method, { searchParams, pathname }) {
      if (method === "POST" && searchParams.has("delete")) return "s3:DeleteObject";
      if (method === "DELETE") return searchParams.has("uploadId") ? "s3:AbortMultipartUpload" : "s3:DeleteObject";
      if (method === "PUT" || method === "POST") return "s3:PutObject";
      return searchParams.has("list-type") || pathname.split("/").length < 3 ? "s3:ListBucket" : "s3:GetObject";
    },
    granted: (policy) =>
      (JSON.parse(policy) as { Statement: { Action: string[] }[] }).Statement.flatMap(({ Action }) => Action),
  },
  {
    name: "gcs",
    backend: gcs,
    store: googleEndpoint.endpoint,
    settings: { bucket: googleEndpoint.bucket, path: root },
    rightOf(method, { pathname, searchParams }) {
      if (searchParams.has("upload_id") || method === "PUT") return undefined;
      if (method === "POST") return "storage.objects.create";
      if (method === "DELETE") return "storage.objects.delete";
      return pathname.endsWith("/o") ? "storage.objects.list" : "storage.objects.get";
    },
    granted: (policy) => (JSON.parse(policy) as { includedPermissions: string[] }).includedPermissions,
  },
  {
    name: "abs",
    backend: abs,
    store: azurite.endpoint,
    settings: {
      bucket: azurite.container,
      path: root,
      "account-name": azurite.accountName,
      "account-key": azurite.accountKey,
    },
    // Of a listing of blobs too: "List Blobs" of the service's REST API, its permissions.
    rightOf: (method) => blobs + (method === "PUT" ? "write" : method === "DELETE" ? "delete" : "read"),
    granted: (policy) => (JSON.parse(policy) as { DataActions: string[] }).DataActions,
  },
];

describe.each(CLOUDS)("$name: a role grants what is asked for, no more and no less", (cloud) => {
  // The first puts what the second reads.
  it("ship-only, restore-only, full", { timeout: 60_000 }, async () => {
    for (const role of ["ship-only", "restore-only", "full"] as const) {
      await using recorder = await new Recorder(cloud.store).listen();
      const endpoint = recorder.address;
      const settings = cloud.name === "gcs" ? cloud.settings : { ...cloud.settings, endpoint };
      const env = cloud.name === "gcs" ? { STORAGE_EMULATOR_HOST: endpoint } : {};
      const client = await cloud.backend.open({ settings, env });
      await act(client, role);
      await client.close();
      const asked = new Set(recorder.calls.flatMap(({ method, url }) => cloud.rightOf(method, url) ?? []));
      expect({ role, rights: [...asked].sort() }).toEqual({
        role,
        rights: [...cloud.granted(policyText(cloud.name, role))].sort(),
      });
    }
  });
});

async function underRole(role: Role, prefix: string): Promise<ReplicaClient> {
  const policy = policyText("s3", role).replaceAll("BUCKET", minio.bucket).replaceAll("PREFIX", prefix);
  const { accessKeyId, secretAccessKey, sessionToken } = await credentialsUnder(policy);
  return s3.open({
    settings: {
      bucket: minio.bucket,
      path: prefix,
      endpoint: minio.endpoint,
      "access-key-id": accessKeyId,
      "secret-access-key": secretAccessKey,
      "session-token": sessionToken,
    },
    env: {},
  });
}

/** Ships a while with a short window; the log, and whether anything was deleted. */
async function life(role: Role, prefix: string, file: string): Promise<string[]> {
  const client = await underRole(role, prefix);
  const log: string[] = [];
  const db = new DatabaseSync(file);
  db.exec("pragma journal_mode=wal; create table if not exists t(a)");
  const intervals = { syncIntervalMs: 20, snapshotIntervalMs: 600, retentionMs: 700, retentionCheckIntervalMs: 200 };
  const replication = await Replication.start({
    databases: [{ path: file, replicas: [{ name: "s3", client, ...intervals }] }],
    logger: (level, message, fields) => log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
  });
  const done = (): boolean =>
    log.filter((line) => /snapshot written/.test(line)).length > 3 && log.some((line) => /retention/.test(line));
  for (let n = 0; n < 400 && !done(); n++) {
    db.exec(`insert into t values (${n})`);
    await sleep(25);
  }
  // Some more rounds, in which nothing may be said twice.
  for (let n = 0; n < 40; n++) {
    db.exec(`insert into t values (${n})`);
    await sleep(25);
  }
  await replication.sync();
  await replication.stop();
  db.close();
  await client.close();
  return log;
}

describe("under the policies for S3", () => {
  it(
    "ship-only ships on, and says once that it may not delete; restore-only restores it; full deletes",
    { timeout: 110_000 },
    async () => {
      using folder = tempDir("policies");
      const prefix = `${root}-life`;
      const file = folder.join("a.db");
      const shipOnly = await life("ship-only", prefix, file);
      const said = shipOnly.filter((line) => /may not delete/.test(line));
      expect(said).toEqual([
        expect.stringMatching(/^warn these credentials may not delete, so what is older than the retention stays/),
      ]);
      expect(shipOnly.filter((line) => line.startsWith("error"))).toEqual([]);

      const reader = await underRole("restore-only", prefix);
      await restore({ replicas: [{ name: "s3", client: reader }], output: folder.join("b.db") });
      using live = new DatabaseSync(file, { readOnly: true });
      using copy = new DatabaseSync(folder.join("b.db"), { readOnly: true });
      const count = "select count(*) as n from t";
      expect(copy.prepare(count).get()).toEqual(live.prepare(count).get());
      await expect(reader.put("x", Buffer.from("x"))).rejects.toMatchObject({
        code: "Denied",
        message: expect.stringContaining("these credentials do not allow it"),
      });
      await expect(reader.delete(["x"])).rejects.toMatchObject({ code: "Denied" });
      await reader.close();
      // Nothing beyond the prefix, with any of them.
      const elsewhere = await underRole("full", `${prefix}-other`);
      const stranger = await underRole("full", prefix);
      await elsewhere.put("x", Buffer.from("x"));
      await vi.waitFor(async () =>
        expect((await stranger.get("x").catch((error: { code: string }) => error)) as unknown).toMatchObject({
          code: "NotFound",
        }),
      );
      await Promise.all([elsewhere.close(), stranger.close()]);

      const full = await life("full", prefix, file);
      expect(full.some((line) => /retention deleted objects/.test(line))).toBe(true);
      expect(full.filter((line) => /may not delete/.test(line))).toEqual([]);
    },
  );
});

// What the Azure backend does to a real store: ways to sign, the access tier, blocks that lose to a rival.
import { randomBytes, randomUUID } from "node:crypto";
import {
  ContainerClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { abs } from "@litewake/abs";
import type { ByteStream, ReplicaClient } from "@litewake/core/backend";
import { azurite } from "@litewake-tooling/emulators";
import { afterEach, expect, it } from "vitest";

const root = `store-${randomUUID().slice(0, 8)}`;
const endpoint = `${azurite.endpoint}/${azurite.accountName}`;
const credential = new StorageSharedKeyCredential(azurite.accountName, azurite.accountKey);
const container = new ContainerClient(`${endpoint}/${azurite.container}`, credential);
const opened: ReplicaClient[] = [];

async function open(settings: Record<string, string>): Promise<ReplicaClient> {
  const client = await abs.open({
    settings: { bucket: azurite.container, path: root, endpoint, ...settings },
    env: {},
  });
  opened.push(client);
  return client;
}

const byKey = { "account-name": azurite.accountName, "account-key": azurite.accountKey };

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

it("a shared access signature works, and what it does not allow is Denied", async () => {
  const sas = (permissions: string): string =>
    generateBlobSASQueryParameters(
      {
        containerName: azurite.container,
        permissions: ContainerSASPermissions.parse(permissions),
        expiresOn: new Date(Date.now() + 3_600_000),
      },
      credential,
    ).toString();
  const writer = await open({ "sas-token": sas("racwdl") });
  await writer.put("sas/object", Buffer.from("signed"));
  expect((await collect(await writer.get("sas/object"))).toString()).toBe("signed");
  const reader = await open({ "sas-token": `?${sas("rl")}` });
  expect((await collect(await reader.get("sas/object"))).toString()).toBe("signed");
  const error = await reader.put("sas/other", Buffer.from("x")).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ code: "Denied" });
  expect(error?.message).not.toContain("sig=");
});

it("a connection string works", async () => {
  const text = `DefaultEndpointsProtocol=http;AccountName=${azurite.accountName};AccountKey=${azurite.accountKey};BlobEndpoint=${endpoint};`;
  const client = await abs.open({
    url: `abs://${azurite.container}/${root}`,
    settings: {},
    env: { AZURE_STORAGE_CONNECTION_STRING: text },
  });
  opened.push(client);
  await client.put("connection/object", Buffer.from("x"));
  expect((await collect(await client.get("connection/object"))).toString()).toBe("x");
});

it("objects are in the access tier that the settings name, in one request and in blocks", async () => {
  const client = await open({ ...byKey, "access-tier": "cool" });
  await client.put("tier/small", Buffer.from("x"));
  await client.put("tier/big", randomBytes(9 << 20));
  for (const key of ["tier/small", "tier/big"]) {
    expect((await container.getBlobClient(`${root}/${key}`).getProperties()).accessTier).toBe("Cool");
  }
});

it("an upload in blocks that loses to a rival leaves the rival's object", async () => {
  const client = await open(byKey);
  const body = async function* () {
    yield randomBytes(9 << 20);
    await client.put("blocks/rival", Buffer.from("the rival's"));
  };
  await expect(client.put("blocks/rival", body(), { ifAbsent: true })).rejects.toMatchObject({ code: "Conflict" });
  expect((await collect(await client.get("blocks/rival"))).toString()).toBe("the rival's");
});

it("a container that does not exist is one line that names it", async () => {
  const client = await open({ ...byKey, bucket: "no-such-container" });
  await expect(client.put("a", new Uint8Array(1))).rejects.toMatchObject({
    code: "NoSuchStore",
    message: expect.stringContaining("no-such-container at 127.0.0.1"),
  });
});

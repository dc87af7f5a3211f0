// Replicas beside each other in a bucket, as many databases of one configuration have them.
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { ReplicaClient } from "@litewake/core/backend";
import { expect, it } from "vitest";
import { s3 } from "../src/index.ts";

const EMPTY = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`;

it("share sockets, and each is of use until it is closed itself", async () => {
  const sockets = new Set<unknown>();
  const server = http.createServer((request, response) => {
    sockets.add(request.socket);
    response.setHeader("content-type", "application/xml").end(EMPTY);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const open = (prefix: string, accessKeyId = "key") =>
    s3.open({
      url: `s3://bucket/${prefix}?endpoint=http://127.0.0.1:${port}&region=us-east-1`,
      settings: { "access-key-id": accessKeyId, "secret-access-key": "secret" },
      env: {},
    });
  const listed = async (client: ReplicaClient): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of client.list("")) keys.push(key);
    return keys;
  };
  try {
    const clients = [await open("a"), await open("b"), await open("c")];
    for (const client of clients) expect(await listed(client)).toEqual([]);
    expect(sockets.size).toBe(1);
    // Who signs with other keys is somebody else.
    const other = await open("a", "other");
    await listed(other);
    expect(sockets.size).toBe(2);
    await other.close();
    await clients[0]?.close();
    await clients[0]?.close();
    expect(clients[1] === undefined ? undefined : await listed(clients[1])).toEqual([]);
    expect(sockets.size).toBe(2);
    for (const client of clients) await client.close();
    await expect.poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(0);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

// One signed request to Azurite, without Azure's SDK: that one is under test.
import { createHmac } from "node:crypto";
import { azurite } from "./endpoints.ts";

/**
 * Sends a request without a body, signed with the account's key ("Authorize with Shared Key", version 2021-12-02), and
 * resolves with the status.
 */
export async function azureRequest(
  method: string,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<number> {
  const headers: Record<string, string> = { "x-ms-date": new Date().toUTCString(), "x-ms-version": "2021-12-02" };
  const canonicalHeaders = Object.entries(headers)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`)
    .join("");
  const canonicalQuery = Object.entries(query)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `\n${name}:${value}`)
    .join("");
  // Azurite's address holds the account's name in the path, so it stands here twice.
  const resource = `/${azurite.accountName}/${azurite.accountName}${path}${canonicalQuery}`;
  const toSign = `${method}${"\n".repeat(12)}${canonicalHeaders}${resource}`;
  const signature = createHmac("sha256", Buffer.from(azurite.accountKey, "base64")).update(toSign).digest("base64");
  const url = `${azurite.endpoint}/${azurite.accountName}${path}?${new URLSearchParams(query)}`;
  const authorization = `SharedKey ${azurite.accountName}:${signature}`;
  const response = await fetch(url, { method, headers: { ...headers, authorization } });
  await response.arrayBuffer();
  return response.status;
}

// Where a replica on Azure Blob Storage lies, as URLs, settings and the environment say it; and one line for each mistake.
import { abs, AbsClient, absOptions } from "@litewake/abs";
import { ReplicaError, type ReplicaLocation } from "@litewake/core/backend";
import { describe, expect, it } from "vitest";

const KEY = Buffer.from("a key of some account").toString("base64");
const options = (location: Partial<ReplicaLocation>) => absOptions({ settings: {}, env: {}, ...location });

function mistakeOf(location: Partial<ReplicaLocation>): string {
  try {
    options(location);
  } catch (error) {
    if (!ReplicaError.is(error, "InvalidConfig")) throw error;
    expect(error.message).not.toContain("\n");
    return error.message.replace(/^open: /, "");
  }
  throw new Error("it was accepted");
}

describe("an abs URL", () => {
  it("names account, container and prefix", () => {
    expect(options({ url: "abs://acct@backups/litejoin/shard_0", env: { LITESTREAM_AZURE_ACCOUNT_KEY: KEY } })).toEqual(
      {
        container: "backups",
        prefix: "litejoin/shard_0",
        endpoint: "https://acct.blob.core.windows.net",
        credential: { kind: "key", account: "acct", key: KEY },
        accessTier: undefined,
        ca: undefined,
      },
    );
  });

  it("takes the account from the settings or the environment where it names none", () => {
    expect(options({ url: "abs://backups", settings: { "account-name": "one", "account-key": KEY } }).endpoint).toBe(
      "https://one.blob.core.windows.net",
    );
    expect(options({ url: "abs://backups", env: { AZURE_STORAGE_ACCOUNT: "two" } })).toMatchObject({
      endpoint: "https://two.blob.core.windows.net",
      credential: { kind: "identity" },
    });
  });

  it.each([
    ["http://127.0.0.1:10000", "http://127.0.0.1:10000/acct"],
    ["127.0.0.1:10000", "http://127.0.0.1:10000/acct"],
    ["http://127.0.0.1:10000/acct", "http://127.0.0.1:10000/acct"],
    ["https://acct.blob.core.chinacloudapi.cn", "https://acct.blob.core.chinacloudapi.cn"],
    ["storage.private", "https://storage.private"],
  ])("with the endpoint %s speaks to %s", (given, endpoint) => {
    expect(options({ url: `abs://acct@backups/x?endpoint=${given}` }).endpoint).toBe(endpoint);
  });

  it.each([
    ["abs:///x", "abs:///x names no container: abs://container/path"],
    ["abs://acct:key@backups/x", "an abs:// URL takes an account before @, but no key"],
    [
      "abs://backups/x",
      "abs:// needs the account's name: account-name:, abs://account@container/path, or AZURE_STORAGE_ACCOUNT",
    ],
    ["abs://Acct@backups/x", '"Acct" cannot be an account\'s name'],
    ["abs://acct@B/x", '"B" cannot be a container\'s name'],
    ["abs://acct@backups/x?account-key=hush", "account-key does not belong in a URL, which is shown in logs"],
    [
      "abs://acct@backups/x?access-tier=archive",
      "access-tier: archived blobs cannot be read at once, so no restore would work",
    ],
    ["abs://acct@backups/x?access-tier=warm", "access-tier: warm is not known; it is Hot, Cool or Cold"],
    ["abs://acct@backups/x?ca-file=/no/such.pem", "ca-file: /no/such.pem cannot be read"],
  ])("%s is refused", (url, line) => {
    const mistake = mistakeOf({ url });
    expect(mistake).toContain(line);
    expect(mistake).not.toContain("hush");
  });
});

describe("credentials", () => {
  const url = "abs://acct@backups/x";
  const connection = `DefaultEndpointsProtocol=https;AccountName=theirs;AccountKey=${KEY};EndpointSuffix=core.usgovcloudapi.net`;

  it("of the settings go before a connection string, which goes before single variables", () => {
    const env = {
      AZURE_STORAGE_CONNECTION_STRING: connection,
      LITESTREAM_AZURE_ACCOUNT_KEY: "b3RoZXI=",
      AZURE_STORAGE_ACCOUNT: "other",
    };
    expect(options({ url: "abs://backups", env })).toMatchObject({
      endpoint: "https://theirs.blob.core.usgovcloudapi.net",
      credential: { kind: "key", account: "theirs", key: KEY },
    });
    expect(options({ url, settings: { "account-key": "b3du" }, env })).toMatchObject({
      endpoint: "https://acct.blob.core.windows.net",
      credential: { kind: "key", account: "acct", key: "b3du" },
    });
  });

  it("may be a shared access signature, with or without its question mark", () => {
    for (const token of ["?sv=2024&sig=x", "sv=2024&sig=x"]) {
      expect(options({ url, settings: { "sas-token": token } }).credential).toEqual({
        kind: "sas",
        token: "sv=2024&sig=x",
      });
    }
    const signed = "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=sv=2024&sig=y%3D";
    expect(options({ url: "abs://backups", settings: { "connection-string": signed } })).toMatchObject({
      endpoint: "https://acct.blob.core.windows.net",
      credential: { kind: "sas", token: "sv=2024&sig=y%3D" },
    });
  });

  it.each([
    [{ "account-key": "not base64!" }, "the account's key is not base64; copy it as the portal shows it"],
    [
      { "connection-string": "AccountName=a" },
      "the connection string must hold AccountName or BlobEndpoint, and AccountKey or SharedAccessSignature",
    ],
    [
      { "connection-string": "UseDevelopmentStorage=true" },
      "the connection string: UseDevelopmentStorage is not known here",
    ],
  ])("%j is refused", (settings, line) => {
    const mistake = mistakeOf({ url, settings });
    expect(mistake).toContain(line);
    expect(mistake).not.toContain("not base64!");
  });

  it("without a key need @azure/identity: one line where it is missing", async () => {
    const missing = () =>
      Promise.reject(
        Object.assign(new Error("Cannot find package '@azure/identity'"), { code: "ERR_MODULE_NOT_FOUND" }),
      );
    await expect(AbsClient.open(options({ url }), missing)).rejects.toMatchObject({
      code: "InvalidConfig",
      message:
        "open: abs:// without a key needs the package @azure/identity: npm install @azure/identity, or give account-key:, sas-token: or connection-string:",
    });
  });

  it("without a key are those of @azure/identity where it is installed", async () => {
    const client = await abs.open({ url, settings: {}, env: {} });
    expect(client.url).toBe("abs://backups/x");
    await client.close();
  });
});

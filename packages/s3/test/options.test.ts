// Where an S3 replica lies, as URLs, settings and the environment say it; and one line for each mistake.
import fs from "node:fs";
import { ReplicaError, type ReplicaLocation } from "@litewake/core/backend";
import { s3, s3Options } from "@litewake/s3";
import { tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it, vi } from "vitest";
import { connect } from "../src/connection.ts";

const options = (location: Partial<ReplicaLocation>) => s3Options({ settings: {}, env: {}, ...location });

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

describe("an s3 URL", () => {
  it("names bucket and prefix", () => {
    expect(options({ url: "s3://my-bucket/backups/shard_0" })).toMatchObject({
      bucket: "my-bucket",
      prefix: "backups/shard_0",
      endpoint: undefined,
      region: undefined,
      forcePathStyle: false,
      profile: { name: "Amazon S3", checksums: "always", conditionalPut: true },
    });
  });

  it.each([
    ["s3://b", ""],
    ["s3://b/", ""],
    ["s3://b//a//c/", "a/c"],
    ["s3://b/a%20b", "a b"],
    ["S3://b/a", "a"],
  ])("%s has the prefix %j", (url, prefix) => {
    expect(options({ url }).prefix).toBe(prefix);
  });

  it("takes options after ?, under Litestream's names too", () => {
    const url =
      "s3://b/p?region=eu-central-1&endpoint=https://s3.example.com:9000&forcePathStyle=false&sse=AES256&storage-class=standard_ia";
    expect(options({ url })).toMatchObject({
      region: "eu-central-1",
      endpoint: "https://s3.example.com:9000",
      forcePathStyle: false,
      encryption: { kind: "AES256" },
      storageClass: "STANDARD_IA",
    });
  });

  it.each([
    ["127.0.0.1:9000", "http://127.0.0.1:9000"],
    ["localhost:9000", "http://localhost:9000"],
    ["minio.internal:9000", "https://minio.internal:9000"],
    ["http://minio.internal:9000", "http://minio.internal:9000"],
  ])("with the endpoint %s speaks to %s, in path style", (given, endpoint) => {
    expect(options({ url: `s3://b/p?endpoint=${given}` })).toMatchObject({
      endpoint,
      forcePathStyle: true,
      region: "us-east-1",
    });
  });

  it.each([
    ["s3://app.localhost:9000/p", "app", "http://localhost:9000", "us-east-1"],
    ["s3://app.s3.us-west-002.backblazeb2.com/p", "app", "https://s3.us-west-002.backblazeb2.com", "us-west-002"],
    ["s3://app.nyc3.digitaloceanspaces.com/p", "app", "https://nyc3.digitaloceanspaces.com", "nyc3"],
    ["s3://app.s3.fr-par.scw.cloud/p", "app", "https://s3.fr-par.scw.cloud", "fr-par"],
    ["s3://app.us-east-1.linodeobjects.com/p", "app", "https://us-east-1.linodeobjects.com", "us-east-1"],
    ["s3://app.s3.filebase.com/p", "app", "https://s3.filebase.com", "us-east-1"],
  ])("%s means a bucket at another vendor, as Litestream reads it", (url, bucket, endpoint, region) => {
    expect(options({ url })).toMatchObject({ bucket, endpoint, region, prefix: "p" });
  });

  it.each([
    ["s3:///p", "s3:///p names no bucket: s3://bucket/path"],
    [
      "s3://key:hush-hush@b/p",
      "an s3:// URL takes no user or password; credentials belong in the environment or the settings",
    ],
    [
      "s3://b/p?secret-access-key=hush",
      "secret-access-key does not belong in a URL, which is shown in logs; put it in the settings or the environment",
    ],
    ["s3://b/p?regoin=x", 's3:// URLs take no option "regoin"; there are region, endpoint,'],
    ["s3://b/100%", "s3://b/100%: a % in the path is not followed by two hexadecimal digits; write it as %25"],
    ["s3://b/a/../c", 'the path "/a/../c" holds a part ..'],
    ["s3://b u/c", '"b u" cannot be a bucket\'s name'],
    ["s3://b/p?endpoint=https://h/bucket", "endpoint: https://h/bucket is more than scheme, host and port"],
    ["s3://b/p?endpoint=ftp://h", "endpoint: ftp://h is no address"],
    ["s3://b/p?force-path-style=yes", "force-path-style: yes is neither true nor false"],
    ["s3://b/p?sse=rot13", "sse: rot13 is not known; it is AES256, aws:kms or aws:kms:dsse"],
    [
      "s3://b/p?storage-class=GLACIER",
      "storage-class: objects in GLACIER cannot be read at once, so no restore would work",
    ],
    ["s3://b/p?tags=a", 'tags: "a" is not key=value'],
    ["s3://b/p?checksums=maybe", "checksums: maybe is not known"],
    ["s3://b/p?ca-file=/no/such.pem", "ca-file: /no/such.pem cannot be read"],
  ])("%s is refused", (url, line) => {
    const mistake = mistakeOf({ url });
    expect(mistake).toContain(line);
    expect(mistake).not.toContain("hush");
  });
});

describe("settings", () => {
  it("of litestream.yml name the place without a URL", () => {
    const settings = {
      bucket: "b",
      path: "/shard_0/",
      region: "us-east-1",
      endpoint: "https://minio:9000",
      "skip-verify": true,
    };
    expect(options({ settings })).toMatchObject({
      bucket: "b",
      prefix: "shard_0",
      endpoint: "https://minio:9000",
      skipVerify: true,
    });
  });

  it.each([
    [{}, "an s3 replica needs a bucket: or a url: s3://bucket/path"],
    [
      { bucket: "b", "access-key-id": "only" },
      "access-key-id and secret-access-key belong together: one of them is missing",
    ],
    [
      { bucket: "b", "sse-customer-key": "short" },
      "sse-customer-key: must be 32 bytes in base64: openssl rand -base64 32",
    ],
    [{ bucket: "b", "sse-kms-key-id": "k", sse: "AES256" }, "sse-kms-key-id: needs sse: aws:kms"],
    [
      { bucket: "b", endpoint: "http://store.internal:9000", "sse-customer-key": Buffer.alloc(32).toString("base64") },
      "sse-customer-key: goes over https only, and the endpoint is http://store.internal:9000",
    ],
  ])("%j are refused", (settings, line) => {
    expect(mistakeOf({ settings })).toBe(line);
  });

  it("and a URL cannot both say the place", () => {
    expect(mistakeOf({ url: "s3://b/p", settings: { bucket: "c" } })).toBe(
      "s3://b/p and bucket: both say where the replica lies; give one of them",
    );
  });

  it("a file that is no certificate is refused as ca-file", () => {
    using folder = tempDir("s3-ca");
    const file = folder.join("ca.pem");
    fs.writeFileSync(file, "hello");
    expect(mistakeOf({ settings: { bucket: "b", "ca-file": file } })).toBe(
      `ca-file: ${file} holds no certificate in PEM form`,
    );
  });
});

describe("credentials", () => {
  const aws = { AWS_ACCESS_KEY_ID: "A", AWS_SECRET_ACCESS_KEY: "a", AWS_SESSION_TOKEN: "t" };
  const litestream = { LITESTREAM_ACCESS_KEY_ID: "L", LITESTREAM_SECRET_ACCESS_KEY: "l" };
  const settings = { bucket: "b" };

  it("come from the settings, then Amazon's variables, then Litestream's, then the SDK's chain", () => {
    const own = { ...settings, "access-key-id": "S", "secret-access-key": "s" };
    expect(options({ settings: own, env: { ...aws, ...litestream } }).credentials).toEqual({
      accessKeyId: "S",
      secretAccessKey: "s",
    });
    expect(options({ settings, env: { ...aws, ...litestream } }).credentials).toEqual({
      accessKeyId: "A",
      secretAccessKey: "a",
      sessionToken: "t",
    });
    expect(options({ settings, env: litestream }).credentials).toEqual({ accessKeyId: "L", secretAccessKey: "l" });
    expect(options({ settings }).credentials).toBeUndefined();
  });

  it("of a named profile go before the environment's", () => {
    expect(options({ settings: { ...settings, profile: "backup" }, env: aws })).toMatchObject({
      credentials: undefined,
      sharedProfile: "backup",
    });
  });
});

describe("the region", () => {
  it("is that of the shared configuration where nothing else names one, and else any", async () => {
    using folder = tempDir("s3-region");
    fs.writeFileSync(folder.join("config"), "[default]\nregion = eu-north-1\n[profile backup]\nregion = ap-south-1\n");
    const regionOf = async (settings: Record<string, string>): Promise<string> => {
      const { connection, release } = connect(options({ settings: { bucket: "b", ...settings } }));
      try {
        return await connection.s3.config.region();
      } finally {
        release();
      }
    };
    vi.stubEnv("AWS_CONFIG_FILE", folder.join("config"));
    for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
    try {
      expect(await regionOf({})).toBe("eu-north-1");
      expect(await regionOf({ profile: "backup" })).toBe("ap-south-1");
      expect(await regionOf({ region: "us-west-2" })).toBe("us-west-2");
      vi.stubEnv("AWS_CONFIG_FILE", folder.join("none"));
      expect(await regionOf({})).toBe("us-east-1");
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("vendors", () => {
  it.each([
    [
      "https://accountid.r2.cloudflarestorage.com",
      "Cloudflare R2",
      { region: "auto", conditionalPut: true, equalParts: true, checksums: "required" },
    ],
    ["https://s3.eu-central-003.backblazeb2.com", "Backblaze B2", { region: "eu-central-003", conditionalPut: false }],
    ["https://fra1.digitaloceanspaces.com", "DigitalOcean Spaces", { region: "fra1", checksums: "required" }],
    ["https://s3.eu-central-2.wasabisys.com", "Wasabi", { region: "eu-central-2" }],
    ["https://s3.wasabisys.com", "Wasabi", { region: "us-east-1" }],
    ["https://storage.googleapis.com", "Google Cloud Storage over S3", { conditionalPut: false }],
    ["https://garage.internal:3900", "S3-compatible", { checksums: "required", deleteNeedsMd5: true }],
    ["https://s3.eu-west-1.amazonaws.com", "Amazon S3", { region: "eu-west-1", checksums: "always" }],
    ["https://s3.dualstack.us-east-2.amazonaws.com", "Amazon S3", { region: "us-east-2" }],
  ])("%s is %s", (endpoint, name, profile) => {
    expect(options({ settings: { bucket: "b", endpoint } }).profile).toMatchObject({ name, ...profile });
  });

  it("may be known better by whoever sets up the replica", () => {
    const settings = {
      bucket: "b",
      endpoint: "https://s3.wasabisys.com",
      "conditional-put": true,
      checksums: "always",
    };
    expect(options({ settings }).profile).toMatchObject({
      conditionalPut: true,
      checksums: "always",
      deleteNeedsMd5: false,
    });
  });

  it("that are not known for it refuse a conditional put, without a request", async () => {
    const client = await s3.open({ settings: { bucket: "b", endpoint: "https://s3.wasabisys.com" }, env: {} });
    expect(client.capabilities.putIfAbsent).toBe(false);
    await expect(client.put("a", new Uint8Array(1), { ifAbsent: true })).rejects.toMatchObject({ code: "Unsupported" });
    await client.close();
  });
});

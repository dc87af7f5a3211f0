// Where a replica on Google Cloud Storage lies, as URLs, settings and the environment say it; and one line for each mistake.
import fs from "node:fs";
import { ReplicaError, type ReplicaLocation } from "@litewake/core/backend";
import { gcsOptions } from "@litewake/gcs";
import { tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";

const options = (location: Partial<ReplicaLocation>) => gcsOptions({ settings: {}, env: {}, ...location });

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

describe("a gcs URL", () => {
  it.each(["gcs://my-bucket/a/b", "gs://my-bucket/a/b/", "GCS://my-bucket//a/b"])(
    "%s names bucket and prefix",
    (url) => {
      expect(options({ url })).toEqual({
        bucket: "my-bucket",
        prefix: "a/b",
        endpoint: undefined,
        anonymous: false,
        keyFile: undefined,
        kmsKeyName: undefined,
        storageClass: undefined,
        userProject: undefined,
      });
    },
  );

  it("takes options after ?", () => {
    const kms = "projects/p/locations/eu/keyRings/r/cryptoKeys/k";
    const url = `gs://my-bucket/a?kms-key-name=${kms}&storage-class=nearline&user-project=p&endpoint=https://storage.private:8443`;
    expect(options({ url })).toMatchObject({
      kmsKeyName: kms,
      storageClass: "NEARLINE",
      userProject: "p",
      endpoint: "https://storage.private:8443",
      anonymous: false,
    });
  });

  it.each([
    ["127.0.0.1:14443", "http://127.0.0.1:14443"],
    ["http://emulator:4443", "http://emulator:4443"],
  ])("goes to the emulator of STORAGE_EMULATOR_HOST=%s, without credentials", (host, endpoint) => {
    expect(options({ url: "gs://my-bucket", env: { STORAGE_EMULATOR_HOST: host } })).toMatchObject({
      endpoint,
      anonymous: true,
    });
  });

  it.each([
    ["gcs:///a", "gcs:///a names no bucket: gcs://bucket/path"],
    ["gcs://user@b-b/a", "a gcs:// URL takes no user or password"],
    ["gcs://b-b/a?region=x", 'gcs:// URLs take no option "region"; there are endpoint,'],
    ["gcs://Bucket/a", '"Bucket" cannot be a bucket\'s name'],
    ["gcs://b-b/a%2", "a % in the path is not followed by two hexadecimal digits"],
    ["gcs://b-b/a?kms-key-name=k", "kms-key-name: k is not projects/P/locations/L/keyRings/R/cryptoKeys/K"],
    ["gcs://b-b/a?endpoint=ftp://h", "endpoint: ftp://h is no address"],
    ["gcs://b-b/a?key-file=/no/such.json", "the key file /no/such.json cannot be read"],
  ])("%s is refused", (url, line) => {
    expect(mistakeOf({ url })).toContain(line);
  });
});

describe("settings", () => {
  it("of litestream.yml name the place without a URL", () => {
    expect(options({ settings: { bucket: "b-b", path: "/shard_0" } })).toMatchObject({
      bucket: "b-b",
      prefix: "shard_0",
    });
    expect(mistakeOf({})).toBe("a gcs replica needs a bucket: or a url: gcs://bucket/path");
    expect(mistakeOf({ url: "gcs://b-b/a", settings: { path: "x" } })).toContain("both say where the replica lies");
  });

  it("a key file must be JSON of Google's, and is never quoted", () => {
    using folder = tempDir("gcs");
    const file = folder.join("key.json");
    fs.writeFileSync(file, "-----BEGIN PRIVATE KEY----- hush");
    const mistake = mistakeOf({ url: "gcs://b-b/a", env: { GOOGLE_APPLICATION_CREDENTIALS: file } });
    expect(mistake).toBe(`the key file ${file} is not a credentials file in JSON form`);
    fs.writeFileSync(file, JSON.stringify({ type: "service_account" }));
    expect(options({ url: "gcs://b-b/a", settings: { "key-file": file } }).keyFile).toBe(file);
  });
});

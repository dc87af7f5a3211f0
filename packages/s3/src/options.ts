// Where an S3 replica lies and how to reach it: the URL, the settings, the environment, and what of them makes no sense.
import {
  endpointUrl,
  filled,
  invalidConfig,
  isLoopback,
  keepSecretsOf,
  keyPrefix,
  readCaFile,
  readUrl,
  type ReplicaLocation,
  Settings,
  shownUrl,
} from "@litewake/core/backend";
import { type Profile, profileOf, splitHost } from "./profiles.ts";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export type Encryption =
  | { readonly kind: "AES256" }
  | { readonly kind: "aws:kms" | "aws:kms:dsse"; readonly keyId: string | undefined }
  /** `key`: 32 bytes as base64. The same key must be given to restore. */
  | { readonly kind: "customer"; readonly key: string };

export interface S3Options {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  /** Undefined: from the SDK's shared configuration, else us-east-1, and the store may send us elsewhere. */
  readonly region: string | undefined;
  /** `http://host:port` or `https://…`; undefined: Amazon's. */
  readonly endpoint: string | undefined;
  readonly forcePathStyle: boolean;
  readonly profile: Profile;
  /** Undefined: the SDK's chain (environment, shared files, web identity, container, instance). */
  readonly credentials: S3Credentials | undefined;
  /** Name of a profile in the shared AWS configuration. */
  readonly sharedProfile: string | undefined;
  readonly encryption: Encryption | undefined;
  readonly storageClass: string | undefined;
  /** `key=value&key=value`, URL-encoded. */
  readonly tags: string | undefined;
  /** Certificates to trust, PEM. */
  readonly ca: string | undefined;
  readonly skipVerify: boolean;
}

const SECRETS = ["access-key-id", "secret-access-key", "session-token", "sse-customer-key"];
const VARIABLES = [
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "LITESTREAM_SECRET_ACCESS_KEY",
  "LITEWAKE_S3_SSE_CUSTOMER_KEY",
];
const PLACES = ["bucket", "path"];
const HOW = [
  "region",
  "endpoint",
  "force-path-style",
  "skip-verify",
  "ca-file",
  "profile",
  "sse",
  "sse-kms-key-id",
  "storage-class",
  "tags",
  "checksums",
  "conditional-put",
];

/** Every key of a replica entry that this backend reads. */
export const s3Settings: readonly string[] = [...PLACES, ...HOW, ...SECRETS];

const RULES = {
  schemes: ["s3"],
  places: PLACES,
  options: HOW,
  secrets: SECRETS,
  // Litestream 0.5's names of the same in a URL.
  aliases: { forcePathStyle: "force-path-style", skipVerify: "skip-verify" },
};

/** Reads a location. Reads the CA file if one is named; touches nothing else. */
export function s3Options(location: ReplicaLocation): S3Options {
  const { env } = location;
  keepSecretsOf(location, SECRETS, VARIABLES);
  const { bucket, prefix, endpoint: hostEndpoint, settings } = placeOf(location);
  // The names that Amazon's own tools take.
  const given = filled(env["AWS_ENDPOINT_URL_S3"]) ?? filled(env["AWS_ENDPOINT_URL"]);
  const endpoint = endpointOf(settings.text("endpoint") ?? hostEndpoint ?? given);
  const profile = overridden(profileOf(endpoint === undefined ? undefined : new URL(endpoint).hostname), settings);
  const ca = settings.text("ca-file") ?? filled(env["AWS_CA_BUNDLE"]);
  return {
    bucket: provenBucket(bucket),
    prefix,
    region: settings.text("region") ?? profile.region ?? filled(env["AWS_REGION"]) ?? filled(env["AWS_DEFAULT_REGION"]),
    endpoint,
    forcePathStyle: settings.flag("force-path-style") ?? (endpoint !== undefined || bucket.includes(".")),
    profile,
    credentials: credentialsOf(settings, env),
    sharedProfile: settings.text("profile"),
    encryption: proved(encryptionOf(settings, env), endpoint),
    storageClass: storageClassOf(settings),
    tags: tagsOf(settings),
    ca: ca === undefined ? undefined : readCaFile(ca),
    skipVerify: settings.flag("skip-verify") ?? false,
  };
}

type Env = ReplicaLocation["env"];

interface Place {
  readonly bucket: string;
  readonly prefix: string;
  /** What the URL's host means by itself. */
  readonly endpoint: string | undefined;
  readonly settings: Settings;
}

function placeOf({ url, settings: given }: ReplicaLocation): Place {
  if (url === undefined) {
    const settings = new Settings(given);
    const bucket = settings.text("bucket");
    if (bucket === undefined) throw invalidConfig("an s3 replica needs a bucket: or a url: s3://bucket/path");
    return { bucket, prefix: keyPrefix(settings.text("path") ?? ""), endpoint: undefined, settings };
  }
  const { user, host, path, settings } = readUrl(url, given, RULES);
  if (user !== undefined) {
    throw invalidConfig(
      "an s3:// URL takes no user or password; credentials belong in the environment or the settings",
    );
  }
  if (host === "") throw invalidConfig(`${shownUrl(url)} names no bucket: s3://bucket/path`);
  const { bucket, endpoint } = splitHost(host);
  return { bucket, prefix: keyPrefix(path), endpoint, settings };
}

function endpointOf(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const url = endpointUrl(given, "endpoint");
  if (url.pathname !== "/") {
    throw invalidConfig(
      `endpoint: ${shownUrl(given)} is more than scheme, host and port; the bucket belongs in bucket:, a folder in path:`,
    );
  }
  return url.origin;
}

function credentialsOf(settings: Settings, env: Env): S3Credentials | undefined {
  const given = pair("access-key-id and secret-access-key", {
    id: settings.text("access-key-id"),
    secret: settings.text("secret-access-key"),
    token: settings.text("session-token"),
  });
  // A named profile goes before the environment, as everywhere with AWS.
  if (given !== undefined || settings.text("profile") !== undefined) return given;
  // Litestream's names stand in for Amazon's where those are not set (formats.md A8).
  const id = filled(env["AWS_ACCESS_KEY_ID"]) ?? filled(env["LITESTREAM_ACCESS_KEY_ID"]);
  const secret = filled(env["AWS_SECRET_ACCESS_KEY"]) ?? filled(env["LITESTREAM_SECRET_ACCESS_KEY"]);
  return pair("the access key's id and its secret in the environment", {
    id,
    secret,
    token: filled(env["AWS_SESSION_TOKEN"]),
  });
}

interface Pair {
  readonly id: string | undefined;
  readonly secret: string | undefined;
  readonly token: string | undefined;
}

function pair(names: string, { id, secret, token }: Pair): S3Credentials | undefined {
  if (id === undefined && secret === undefined) return undefined;
  if (id === undefined || secret === undefined) throw invalidConfig(`${names} belong together: one of them is missing`);
  return { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) };
}

function encryptionOf(settings: Settings, env: Env): Encryption | undefined {
  const kind = settings.text("sse");
  const keyId = settings.text("sse-kms-key-id");
  const customer = settings.text("sse-customer-key") ?? filled(env["LITEWAKE_S3_SSE_CUSTOMER_KEY"]);
  if (customer !== undefined) {
    if (kind !== undefined || keyId !== undefined)
      throw invalidConfig("sse-customer-key: cannot stand together with sse: or sse-kms-key-id:");
    if (!/^[A-Za-z0-9+/]{43}=$/.test(customer))
      throw invalidConfig("sse-customer-key: must be 32 bytes in base64: openssl rand -base64 32");
    return { kind: "customer", key: customer };
  }
  if (kind === undefined) return keyId === undefined ? undefined : { kind: "aws:kms", keyId };
  if (kind === "AES256") {
    if (keyId !== undefined) throw invalidConfig("sse-kms-key-id: needs sse: aws:kms");
    return { kind };
  }
  if (kind === "aws:kms" || kind === "aws:kms:dsse") return { kind, keyId };
  throw invalidConfig(`sse: ${kind} is not known; it is AES256, aws:kms or aws:kms:dsse`);
}

/** A key that goes in clear over a wire is none. */
function proved(encryption: Encryption | undefined, endpoint: string | undefined): Encryption | undefined {
  if (encryption?.kind !== "customer" || endpoint === undefined) return encryption;
  const { protocol, hostname } = new URL(endpoint);
  if (protocol === "https:" || isLoopback(hostname)) return encryption;
  throw invalidConfig(`sse-customer-key: goes over https only, and the endpoint is ${endpoint}`);
}

/** Classes whose objects cannot be read at once: a replica in them could not be restored. */
const ARCHIVES = ["GLACIER", "DEEP_ARCHIVE"];

function storageClassOf(settings: Settings): string | undefined {
  const given = settings.text("storage-class")?.toUpperCase();
  if (given === undefined || !ARCHIVES.includes(given)) return given;
  throw invalidConfig(
    `storage-class: objects in ${given} cannot be read at once, so no restore would work; take STANDARD_IA or GLACIER_IR`,
  );
}

function tagsOf(settings: Settings): string | undefined {
  const given = settings.text("tags");
  if (given === undefined) return undefined;
  const pairs = given
    .split(/[&,]/)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
  for (const pair of pairs) {
    if (!/^[^=]+=[^=]*$/.test(pair))
      throw invalidConfig(`tags: ${JSON.stringify(pair)} is not key=value; more are separated by commas`);
  }
  if (pairs.length > 10) throw invalidConfig(`tags: ${pairs.length} are more than the 10 that S3 allows`);
  return new URLSearchParams(pairs.map((pair) => pair.split("=", 2) as [string, string])).toString();
}

function overridden(profile: Profile, settings: Settings): Profile {
  const checksums = settings.text("checksums");
  if (checksums !== undefined && checksums !== "always" && checksums !== "required") {
    throw invalidConfig(`checksums: ${checksums} is not known; it is always or required`);
  }
  const conditionalPut = settings.flag("conditional-put");
  return {
    ...profile,
    ...(checksums === undefined ? {} : { checksums, deleteNeedsMd5: checksums === "required" }),
    ...(conditionalPut === undefined ? {} : { conditionalPut }),
  };
}

function provenBucket(bucket: string): string {
  // An access point's ARN may take a bucket's place.
  if (bucket.startsWith("arn:") || /^[a-zA-Z0-9._-]{1,255}$/.test(bucket)) return bucket;
  throw invalidConfig(`${JSON.stringify(bucket)} cannot be a bucket's name`);
}

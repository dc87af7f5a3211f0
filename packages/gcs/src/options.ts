// Where a replica on Google Cloud Storage lies and how to reach it, and what of that makes no sense.
import { readFileSync } from "node:fs";
import {
  endpointUrl,
  filled,
  invalidConfig,
  keyPrefix,
  readUrl,
  type ReplicaLocation,
  Settings,
  shownUrl,
} from "@litewake/core/backend";

export interface GcsOptions {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  /** Scheme, host and port; undefined: Google's. */
  readonly endpoint: string | undefined;
  /** Whether to send no credentials: an emulator's way. */
  readonly anonymous: boolean;
  /** A service account's or workload identity's JSON file; undefined: application default credentials. */
  readonly keyFile: string | undefined;
  /** `projects/…/cryptoKeys/…`: the customer-managed key that encrypts new objects. */
  readonly kmsKeyName: string | undefined;
  readonly storageClass: string | undefined;
  /** The project that pays for requests to a bucket whose owner does not. */
  readonly userProject: string | undefined;
}

const PLACES = ["bucket", "path"];
const HOW = ["endpoint", "key-file", "kms-key-name", "storage-class", "user-project"];

/** Every key of a replica entry that this backend reads. */
export const gcsSettings: readonly string[] = [...PLACES, ...HOW];

/** Reads a location, and proves that a key file is there and is JSON. */
export function gcsOptions(location: ReplicaLocation): GcsOptions {
  const { env } = location;
  const { bucket, prefix, settings } = placeOf(location);
  const emulator = filled(env["STORAGE_EMULATOR_HOST"]);
  const given = settings.text("endpoint");
  const keyFile = settings.text("key-file") ?? filled(env["GOOGLE_APPLICATION_CREDENTIALS"]);
  return {
    bucket: provenBucket(bucket),
    prefix,
    // Often given without a scheme; Google's own clients then take http.
    endpoint:
      given === undefined
        ? emulator && endpointUrl(emulator, "STORAGE_EMULATOR_HOST", true).origin
        : endpointUrl(given, "endpoint").origin,
    anonymous: given === undefined && emulator !== undefined,
    keyFile: provenKeyFile(keyFile),
    kmsKeyName: provenKey(settings.text("kms-key-name")),
    storageClass: settings.text("storage-class")?.toUpperCase(),
    userProject: settings.text("user-project"),
  };
}

interface Place {
  readonly bucket: string;
  readonly prefix: string;
  readonly settings: Settings;
}

function placeOf({ url, settings: given }: ReplicaLocation): Place {
  if (url === undefined) {
    const settings = new Settings(given);
    const bucket = settings.text("bucket");
    if (bucket === undefined) throw invalidConfig("a gcs replica needs a bucket: or a url: gcs://bucket/path");
    return { bucket, prefix: keyPrefix(settings.text("path") ?? ""), settings };
  }
  const { user, host, path, settings } = readUrl(url, given, { schemes: ["gcs", "gs"], places: PLACES, options: HOW });
  if (user !== undefined) {
    throw invalidConfig("a gcs:// URL takes no user or password; credentials come from a key file or the machine");
  }
  if (host === "") throw invalidConfig(`${shownUrl(url)} names no bucket: gcs://bucket/path`);
  return { bucket: host, prefix: keyPrefix(path), settings };
}

function provenBucket(bucket: string): string {
  if (/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket)) return bucket;
  throw invalidConfig(`${JSON.stringify(bucket)} cannot be a bucket's name`);
}

function provenKeyFile(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    throw invalidConfig(
      `the key file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  try {
    const { type } = JSON.parse(content) as { type?: unknown };
    if (typeof type === "string") return file;
  } catch {
    // Said below; the parser's own words would quote the file.
  }
  throw invalidConfig(`the key file ${file} is not a credentials file in JSON form`);
}

function provenKey(name: string | undefined): string | undefined {
  if (name === undefined || /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/.test(name))
    return name;
  throw invalidConfig(`kms-key-name: ${name} is not projects/P/locations/L/keyRings/R/cryptoKeys/K`);
}

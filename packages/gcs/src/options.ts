// Where a replica on Google Cloud Storage lies and how to reach it, and what of that makes no sense.
import { readFileSync } from "node:fs";
import { ReplicaError, type ReplicaLocation, type SettingValue } from "@litewake/core/backend";

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
  const given = text(settings, "endpoint");
  const keyFile = text(settings, "key-file") ?? filled(env["GOOGLE_APPLICATION_CREDENTIALS"]);
  return {
    bucket: provenBucket(bucket),
    prefix,
    endpoint: endpointOf(given, "endpoint") ?? endpointOf(emulator, "STORAGE_EMULATOR_HOST"),
    anonymous: given === undefined && emulator !== undefined,
    keyFile: provenKeyFile(keyFile),
    kmsKeyName: provenKey(text(settings, "kms-key-name")),
    storageClass: text(settings, "storage-class")?.toUpperCase(),
    userProject: text(settings, "user-project"),
  };
}

type Settings = Readonly<Record<string, SettingValue>>;

function placeOf({ url, settings }: ReplicaLocation): { bucket: string; prefix: string; settings: Settings } {
  if (url === undefined) {
    const bucket = text(settings, "bucket");
    if (bucket === undefined) throw invalid("a gcs replica needs a bucket: or a url: gcs://bucket/path");
    return { bucket, prefix: trimmed(text(settings, "path") ?? ""), settings };
  }
  const match = /^(?:gcs|gs):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/is.exec(url);
  if (match === null) throw invalid(`${shown(url)} is not a gcs:// URL`);
  const [, host = "", path = "", query = ""] = match;
  if (host.includes("@")) throw invalid("a gcs:// URL takes no user or password; credentials come from a key file or the machine");
  if (host === "") throw invalid(`${shown(url)} names no bucket: gcs://bucket/path`);
  for (const key of PLACES) {
    if (settings[key] !== undefined) throw invalid(`${shown(url)} and ${key}: both say where the replica lies; give one of them`);
  }
  return { bucket: host, prefix: trimmed(decoded(path, url)), settings: { ...settings, ...queryOf(query) } };
}

function queryOf(query: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (!HOW.includes(name)) throw invalid(`a gcs:// URL takes no option ${JSON.stringify(name)}; it takes ${HOW.join(", ")}`);
    found[name] = value;
  }
  return found;
}

// Go's URL parser, and so Litestream, decodes the path.
function decoded(path: string, url: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid(`${shown(url)}: a % in the path is not followed by two hexadecimal digits; write it as %25`);
  }
}

function trimmed(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw invalid(`the path ${JSON.stringify(path)} holds a part ..`);
  return parts.join("/");
}

function endpointOf(given: string | undefined, name: string): string | undefined {
  if (given === undefined) return undefined;
  // STORAGE_EMULATOR_HOST is often given without a scheme; Google's own clients then take http.
  const scheme = /^[a-z]+:\/\//i.test(given) ? "" : name === "endpoint" ? "https://" : "http://";
  const url = URL.parse(`${scheme}${given}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "" || url.username !== "") {
    throw invalid(`${name}: ${given} is no address; write it as https://host:port`);
  }
  return url.origin;
}

function provenBucket(bucket: string): string {
  if (/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket)) return bucket;
  throw invalid(`${JSON.stringify(bucket)} cannot be a bucket's name`);
}

function provenKeyFile(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    throw invalid(`the key file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    const { type } = JSON.parse(content) as { type?: unknown };
    if (typeof type === "string") return file;
  } catch {
    // Said below; the parser's own words would quote the file.
  }
  throw invalid(`the key file ${file} is not a credentials file in JSON form`);
}

function provenKey(name: string | undefined): string | undefined {
  if (name === undefined || /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/.test(name)) return name;
  throw invalid(`kms-key-name: ${name} is not projects/P/locations/L/keyRings/R/cryptoKeys/K`);
}

function text(settings: Settings, key: string): string | undefined {
  const value = settings[key];
  return value === undefined ? undefined : filled(String(value));
}

function filled(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}

function shown(url: string): string {
  return url.replace(/\?.*$/s, "").replace(/\/\/[^/]*@/, "//");
}

function invalid(reason: string): ReplicaError {
  return new ReplicaError({ code: "InvalidConfig", operation: "open", reason });
}

// Reads one replica entry of the configuration: which backend, where, how often, and the settings that are the backend's.
import path from "node:path";
import { LitewakeError } from "@litewake/core";
import type { SettingValue } from "@litewake/core/backend";
import { type AgeContext, readAge } from "./read-age.ts";
import { REPLICA_DEFAULTS, type ReplicaConfig } from "./config.ts";
import type { YamlMap } from "./yaml-map.ts";

export interface ReplicaContext extends AgeContext {
  /** The keys at the top of the file, for S3 replicas that have none of their own. */
  readonly keys: { readonly id: string | undefined; readonly secret: string | undefined };
  /** Packages of third parties, by type or scheme. */
  readonly backends: Readonly<Record<string, string>>;
  /** Settings, by type, that an installed backend reads beyond those known here. */
  readonly moreSettings: Readonly<Record<string, readonly string[]>>;
  readonly warnings: string[];
}

/** Keys of a replica that Litewake itself acts upon; the others are the backend's. */
const REPLICA_KEYS: readonly string[] = [
  "type",
  "name",
  "url",
  "retention",
  "retention-check-interval",
  "sync-interval",
  "snapshot-interval",
  "validation-interval",
  "verify-interval",
  "age",
  "lease",
];

/** Settings of the five backends, as litestream.yml names them (formats.md A8). */
const SETTINGS = new Map<string, readonly string[]>([
  ["file", ["path"]],
  [
    "s3",
    ["path", "bucket", "region", "endpoint", "force-path-style", "skip-verify", "access-key-id", "secret-access-key"],
  ],
  ["gcs", ["path", "bucket"]],
  ["abs", ["path", "bucket", "endpoint", "account-name", "account-key"]],
  ["sftp", ["path", "host", "user", "password", "key-path"]],
]);

const BOOLEANS: readonly string[] = ["force-path-style", "skip-verify"];

/** A setting that is not known here; an installed backend of that type may know it. */
export class UnknownSetting extends LitewakeError {
  readonly type: string;

  constructor(type: string, message: string) {
    super("usage", message);
    this.type = type;
  }
}

/** Throws one line with file, line and column; `UnknownSetting` where the backend must be asked. */
export function readReplica(entry: YamlMap, context: ReplicaContext): ReplicaConfig {
  // An unset $VARIABLE leaves an empty value behind.
  const url = entry.string("url") === "" ? undefined : entry.string("url");
  const type = replicaType(entry, url, context);
  proveKeys(entry, type, context);
  proveWhere(entry, url);
  const { settings, places } = settingsOf(entry, type, context);
  context.warnings.push(...riskWarnings(settings, places));
  return {
    name: entry.string("name") ?? type,
    type,
    url,
    settings,
    places,
    age: readAge(entry, "-", context),
    syncIntervalMs: entry.duration("sync-interval", 1) ?? REPLICA_DEFAULTS.syncIntervalMs,
    snapshotIntervalMs: entry.duration("snapshot-interval") ?? REPLICA_DEFAULTS.snapshotIntervalMs,
    retentionMs: entry.duration("retention") ?? REPLICA_DEFAULTS.retentionMs,
    retentionCheckIntervalMs:
      entry.duration("retention-check-interval", 1) ?? REPLICA_DEFAULTS.retentionCheckIntervalMs,
    leaseMs: entry.duration("lease") ?? REPLICA_DEFAULTS.leaseMs,
    verifyIntervalMs: verifyInterval(entry),
  };
}

/** Litestream's validation restores too, and compares with what it restored the last time; ours, with the live database. */
function verifyInterval(entry: YamlMap): number {
  const [ours, theirs] = ["verify-interval", "validation-interval"] as const;
  if (entry.has(ours) && entry.has(theirs))
    throw entry.error(theirs, `${ours} and ${theirs} cannot stand together`, "they mean the same; keep one of them");
  return drillInterval(entry, entry.has(theirs) ? theirs : ours) ?? REPLICA_DEFAULTS.verifyIntervalMs;
}

/** `0s`, or a second at least: a drill takes a process of its own. */
export function drillInterval(entry: YamlMap, key: string): number | undefined {
  const ms = entry.duration(key);
  return ms === 0 ? 0 : entry.duration(key, 1000);
}

/** Settings by which anybody on the way to the store may read along and lie: allowed, and said so. */
export function riskWarnings(
  settings: Readonly<Record<string, SettingValue>>,
  places: Readonly<Record<string, string>>,
): string[] {
  const warnings: string[] = [];
  if (String(settings["skip-verify"]) === "true")
    warnings.push(
      `${places["skip-verify"]}: skip-verify: whoever answers is taken for the store; ca-file names its CA`,
    );
  if (settings["host-key-check"] === "off")
    warnings.push(`${places["host-key-check"]}: host-key-check: whoever answers is taken for the server`);
  return warnings;
}

/** The scheme of a URL says the type, as in Litestream; `type:` only where there is none, or a third party's package is named. */
function replicaType(entry: YamlMap, url: string | undefined, context: ReplicaContext): string {
  const given = entry.string("type");
  if (url === undefined) return canonicalType(given ?? "file");
  if (given !== undefined && Object.hasOwn(context.backends, given)) return given;
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1];
  if (scheme === undefined)
    throw entry.error("url", "url: there is no scheme in it", "write it as file:///path, s3://bucket/path, …");
  const type = canonicalType(scheme);
  if (given !== undefined && canonicalType(given) !== type) {
    context.warnings.push(`${entry.at("type")}: type ${JSON.stringify(given)} has no effect beside a ${scheme}:// url`);
  }
  return type;
}

/** Google's own scheme is `gs`, Litestream 0.3's is `gcs`. */
export function canonicalType(scheme: string): string {
  const lower = scheme.toLowerCase();
  return lower === "gs" ? "gcs" : lower;
}

function proveKeys(entry: YamlMap, type: string, context: ReplicaContext): void {
  const listed = Object.hasOwn(context.backends, type) ? undefined : SETTINGS.get(type);
  // A third party's settings are proved by its package, once that is loaded.
  if (listed === undefined) return;
  const known = [...REPLICA_KEYS, ...listed, ...(context.moreSettings[type] ?? [])];
  const stranger = entry.keys().find((key) => !known.includes(key));
  if (stranger !== undefined)
    throw new UnknownSetting(type, entry.unknown(stranger, known, `of a replica of type ${type}`).message);
}

function proveWhere(entry: YamlMap, url: string | undefined): void {
  const named = ["path", "bucket", "host"].find((key) => entry.has(key));
  if (url !== undefined) {
    if (named !== undefined)
      throw entry.error(named, `url and ${named} cannot stand together`, "put it into the URL, or leave the URL out");
    return;
  }
  const where = entry.string("path");
  if (where !== undefined && /^\w+:\/\//.test(where))
    throw entry.error("path", "path: this is a URL", "use `url:` for it");
  const empty = ["url", "path", "bucket", "host"].find(
    (key) => entry.keys().includes(key) && (entry.string(key) ?? "") === "",
  );
  if (empty !== undefined)
    throw entry.error(empty, `${empty} is empty`, "give it a value; a variable in it may not be set");
  if (named === undefined && SETTINGS.has(entry.string("type") ?? "file")) {
    throw entry.error(
      undefined,
      "the replica does not say where it lies",
      "add `url:`, for instance file:///backups/app",
    );
  }
}

type Settings = {
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly places: Readonly<Record<string, string>>;
};

function settingsOf(entry: YamlMap, type: string, context: ReplicaContext): Settings {
  const settings: Record<string, SettingValue> = {};
  const places: Record<string, string> = {};
  for (const key of entry.keys()) {
    if (REPLICA_KEYS.includes(key)) continue;
    const value = settingOf(entry, key, type);
    if (value === undefined) continue;
    settings[key] = value;
    places[key] = entry.at(key);
  }
  if (type === "s3") {
    if (context.keys.id !== undefined) settings["access-key-id"] ??= context.keys.id;
    if (context.keys.secret !== undefined) settings["secret-access-key"] ??= context.keys.secret;
  }
  return { settings, places };
}

function settingOf(entry: YamlMap, key: string, type: string): SettingValue | undefined {
  if (SETTINGS.get(type)?.includes(key) !== true) return entry.scalar(key);
  return BOOLEANS.includes(key) ? entry.boolean(key) : entry.string(key);
}

/** What two replicas at one place have in common; `undefined` where that cannot be told. */
export function placeKey(replica: ReplicaConfig, cwd: string, home: string): string {
  const { "access-key-id": _id, "secret-access-key": _secret, ...where } = replica.settings;
  if (replica.type === "file") {
    const given = replica.url === undefined ? String(where["path"] ?? "") : replica.url.replace(/^file:\/\//i, "");
    return `file ${path.resolve(cwd, given.replace(/^~(?=\/|$)/, home))}`;
  }
  return JSON.stringify([replica.type, replica.url?.replace(/\/+$/, ""), where]);
}

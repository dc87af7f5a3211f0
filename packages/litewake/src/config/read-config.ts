// Reads litestream.yml as it is, and Litewake's own keys in it. Pure: text and environment in, configuration or one line out.
import os from "node:os";
import path from "node:path";
import type { SettingValue } from "@litewake/core/backend";
import { type Config, type DatabaseConfig, DEFAULT_LOGGING, type LoggingConfig, REPLICA_DEFAULTS, type ReplicaConfig } from "./config.ts";
import { expandEnv } from "./expand-env.ts";
import { parseYaml, type YamlMap } from "./yaml-map.ts";

export interface ReadOptions {
  /** For messages, and for relative paths of third-party packages. */
  readonly file: string;
  readonly text: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** False: `$VAR` stays as it is. */
  readonly expandEnv: boolean;
  readonly cwd: string;
}

const GLOBAL_KEYS = ["addr", "exec", "access-key-id", "secret-access-key", "logging", "dbs", "backends"];
const DATABASE_KEYS = [
  "path",
  "meta-path",
  "monitor-interval",
  "checkpoint-interval",
  "min-checkpoint-page-count",
  "max-checkpoint-page-count",
  "replicas",
  "replica",
  "max-wal",
  "barrier",
];
/** Keys of a replica that Litewake itself acts upon; the others are the backend's. */
const REPLICA_KEYS = [
  "type",
  "name",
  "url",
  "retention",
  "retention-check-interval",
  "sync-interval",
  "snapshot-interval",
  "validation-interval",
  "age",
];
/** Settings of the five backends, as litestream.yml names them. */
const BACKEND_KEYS = [
  "path",
  "bucket",
  "region",
  "endpoint",
  "force-path-style",
  "skip-verify",
  "access-key-id",
  "secret-access-key",
  "account-name",
  "account-key",
  "host",
  "user",
  "password",
  "key-path",
];

const LEVELS = ["debug", "info", "warn", "error"] as const;

export function readConfig(options: ReadOptions): Config {
  const text = options.expandEnv ? expandEnv(options.text, options.env) : options.text;
  const root = parseYaml(options.file, text);
  root.only(GLOBAL_KEYS, "at the top level");
  const warnings: string[] = [];
  if (root.has("addr")) warnings.push("addr: metrics are not served yet; the key has no effect");
  const keys = { id: root.string("access-key-id"), secret: root.string("secret-access-key") };
  const backends = backendPackages(root);
  const databases = root.maps("dbs").map((entry) => readDatabase(entry, { ...options, keys, backends, warnings }));
  refuseTwice(root, databases);
  return { databases, exec: root.string("exec"), logging: readLogging(root), backends, warnings };
}

interface Context extends ReadOptions {
  readonly keys: { readonly id: string | undefined; readonly secret: string | undefined };
  readonly backends: Readonly<Record<string, string>>;
  readonly warnings: string[];
}

function backendPackages(root: YamlMap): Record<string, string> {
  const entries = root.map("backends");
  return Object.fromEntries((entries?.keys() ?? []).map((key) => [key, entries?.string(key) ?? ""]));
}

function readLogging(root: YamlMap): LoggingConfig {
  const logging = root.map("logging");
  if (logging === undefined) return DEFAULT_LOGGING;
  logging.only(["level", "type", "stderr"], "in logging");
  const level = logging.string("level")?.toLowerCase() ?? DEFAULT_LOGGING.level;
  const known = LEVELS.find((name) => name === level);
  if (known === undefined) throw logging.error("level", `level: ${JSON.stringify(level)} is no level`, `one of ${LEVELS.join(", ")}`);
  const type = logging.string("type") ?? DEFAULT_LOGGING.type;
  if (type !== "text" && type !== "json") throw logging.error("type", `type: ${JSON.stringify(type)} is no form of log`, "text or json");
  return { level: known, type, stderr: logging.boolean("stderr") ?? false };
}

function readDatabase(entry: YamlMap, context: Context): DatabaseConfig {
  entry.only(DATABASE_KEYS, "of a database");
  const given = entry.string("path");
  if (given === undefined || given === "") throw entry.error(undefined, "a database needs a path");
  if (/^\w+:\/\//.test(given)) throw entry.error("path", `path: ${given} is a URL`, "name the database file; the URL belongs to a replica");
  for (const key of ["monitor-interval", "checkpoint-interval"]) entry.duration(key);
  const replicas = entry.maps("replicas");
  const single = entry.map("replica");
  if (single !== undefined) {
    if (replicas.length > 0) throw entry.error("replica", "replica and replicas cannot stand together", "keep one of them");
    replicas.push(single);
  }
  if (replicas.length === 0) throw entry.error("path", `${given} has no replica`, "add `replicas:` with at least one entry");
  const barrier = entry.string("barrier") ?? "sealed";
  if (barrier !== "sealed" && barrier !== "none") throw entry.error("barrier", `barrier: ${JSON.stringify(barrier)} is not known`, "sealed or none");
  const metaPath = entry.string("meta-path");
  return {
    path: absolute(given, context),
    metaPath: metaPath === undefined ? undefined : absolute(metaPath, context),
    maxWalBytes: entry.size("max-wal"),
    sealed: barrier === "sealed",
    replicas: readReplicas(replicas, context),
  };
}

function readReplicas(entries: readonly YamlMap[], context: Context): ReplicaConfig[] {
  const names = new Set<string>();
  return entries.map((entry) => {
    const replica = readReplica(entry, context);
    if (names.has(replica.name)) {
      throw entry.error("name", `two replicas of one database are named ${JSON.stringify(replica.name)}`, "give each its own `name:`");
    }
    names.add(replica.name);
    return replica;
  });
}

function readReplica(entry: YamlMap, context: Context): ReplicaConfig {
  const url = entry.string("url");
  const type = replicaType(entry, url, context);
  const known = context.backends[type] === undefined;
  if (known) entry.only([...REPLICA_KEYS, ...BACKEND_KEYS], "of a replica");
  if (entry.has("age")) throw entry.error("age", "age: client-side encryption is not supported yet", "remove the key only if the replica may be unencrypted");
  if (entry.has("validation-interval")) context.warnings.push("validation-interval: has no effect; a restore proves what it reads");
  if (url !== undefined) {
    const beside = ["path", "bucket", "host"].find((key) => entry.has(key));
    if (beside !== undefined) throw entry.error(beside, `url and ${beside} cannot stand together`, "put it into the URL, or leave the URL out");
  }
  const where = entry.string("path");
  if (url === undefined && where !== undefined && /^\w+:\/\//.test(where)) {
    throw entry.error("path", `path: ${where} is a URL`, "use `url:` for it");
  }
  return {
    name: entry.string("name") ?? type,
    type,
    url,
    settings: settingsOf(entry, context),
    syncIntervalMs: entry.duration("sync-interval", 1) ?? REPLICA_DEFAULTS.syncIntervalMs,
    snapshotIntervalMs: entry.duration("snapshot-interval") ?? REPLICA_DEFAULTS.snapshotIntervalMs,
    retentionMs: entry.duration("retention") ?? REPLICA_DEFAULTS.retentionMs,
    retentionCheckIntervalMs: entry.duration("retention-check-interval", 1) ?? REPLICA_DEFAULTS.retentionCheckIntervalMs,
  };
}

function replicaType(entry: YamlMap, url: string | undefined, context: Context): string {
  const given = entry.string("type");
  if (url === undefined) return given ?? "file";
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1];
  if (scheme === undefined && context.backends[given ?? ""] === undefined) {
    throw entry.error("url", `url: ${JSON.stringify(url)} has no scheme`, "write it as file:///path, s3://bucket/path, …");
  }
  return given ?? scheme ?? "file";
}

function settingsOf(entry: YamlMap, context: Context): Record<string, SettingValue> {
  const settings: Record<string, SettingValue> = {};
  for (const key of entry.keys()) {
    if (REPLICA_KEYS.includes(key)) continue;
    const value = entry.scalar(key);
    if (value !== undefined) settings[key] = value;
  }
  if (context.keys.id !== undefined) settings["access-key-id"] ??= context.keys.id;
  if (context.keys.secret !== undefined) settings["secret-access-key"] ??= context.keys.secret;
  return settings;
}

/** `~/` is the home folder; a relative path begins at the working directory, as in Litestream. */
export function absolute(given: string, { cwd, env }: Pick<ReadOptions, "cwd" | "env">): string {
  const home = env["HOME"] ?? os.homedir();
  if (given === "~") return home;
  return path.resolve(cwd, given.startsWith("~/") ? path.join(home, given.slice(2)) : given);
}

function refuseTwice(root: YamlMap, databases: readonly DatabaseConfig[]): void {
  const paths = new Set<string>();
  const places = new Map<string, string>();
  for (const database of databases) {
    if (paths.has(database.path)) throw root.error("dbs", `${database.path} is there twice`, "name each database once, with several replicas");
    paths.add(database.path);
    for (const replica of database.replicas) {
      const { "access-key-id": _id, "secret-access-key": _secret, ...where } = replica.settings;
      const place = JSON.stringify([replica.type, replica.url?.replace(/\/+$/, ""), where]);
      const other = places.get(place);
      if (other !== undefined) {
        throw root.error("dbs", `${database.path} and ${other} have a replica at the same place`, "give each database a path of its own");
      }
      places.set(place, database.path);
    }
  }
}

// Reads the `replication:` block of an application's own configuration file, beside keys that are not ours.
import path from "node:path";
import type { HashBits, Sharding } from "@litewake/core";
import { checkKey, type SettingValue, shownUrl } from "@litewake/core/backend";
import { absolute } from "./absolute.ts";
import {
  type Config,
  type DatabaseConfig,
  type FleetConfig,
  type PatternLayout,
  type ReplicaConfig,
  type ReshardConfig,
  type ShardLayout,
  REPLICA_DEFAULTS,
} from "./config.ts";
import type { ReadOptions } from "./read-config.ts";
import { readLogging } from "./read-logging.ts";
import { readWatch, watchKeys } from "./read-watch.ts";
import { readAge } from "./read-age.ts";
import { canonicalType, drillInterval, riskWarnings } from "./read-replica.ts";
import type { YamlMap } from "./yaml-map.ts";

const KEYS = [
  "enabled",
  "mode",
  "replica_url",
  "sync_interval",
  "restore_on_boot",
  "snapshot_interval",
  "retention",
  "shard_count",
  "data_dir",
  "shard_name",
  "dlq",
  "databases",
  "hash",
  "points",
  "lease",
  "verify_interval",
  "verify_path",
  "retention_check_interval",
  "max_wal",
  "barrier",
  "exec",
  "addr",
  ...Object.values(watchKeys("_")),
  "logging",
  "backends",
  "settings",
  "reshard",
  "age",
];
const HOUR_MS = 3_600_000;
/** The replication page's defaults, and ours for what it does not name. Milliseconds. */
const DEFAULTS = {
  sync: 1000,
  snapshot: HOUR_MS,
  retention: 72 * HOUR_MS,
  check: HOUR_MS,
  points: 10_000,
  lease: 30_000,
};
const MAX_SHARDS = 100_000;

/** Throws one line with file, line and column. */
export function readFleet(root: YamlMap, options: ReadOptions): Omit<Config, "folder"> {
  const block = root.map("replication");
  if (block === undefined) throw root.error("replication", "replication must be a mapping of keys");
  if (root.has("dbs")) throw root.error("dbs", "dbs and replication cannot stand together", "keep one of them");
  block.only(KEYS, "in replication");
  const enabled = block.boolean("enabled") ?? false;
  const mode = block.string("mode") ?? "sidecar";
  if (mode !== "sidecar" && mode !== "embedded")
    throw block.error("mode", `mode: ${JSON.stringify(mode)} is not known`, "sidecar or embedded");
  const backends = packagesOf(block);
  const base = {
    exec: block.string("exec"),
    logging: readLogging(block),
    watch: readWatch(block, "_"),
    backends,
    warnings: [],
  };
  const barrier = block.string("barrier") ?? "sealed";
  if (barrier !== "sealed" && barrier !== "none")
    throw block.error("barrier", `barrier: ${JSON.stringify(barrier)} is not known`, "sealed or none");
  const intervals = {
    syncIntervalMs: block.duration("sync_interval", 1) ?? DEFAULTS.sync,
    snapshotIntervalMs: block.duration("snapshot_interval") ?? DEFAULTS.snapshot,
    retentionMs: block.duration("retention") ?? DEFAULTS.retention,
    retentionCheckIntervalMs: block.duration("retention_check_interval", 1) ?? DEFAULTS.check,
    leaseMs: block.duration("lease") ?? DEFAULTS.lease,
    verifyIntervalMs: drillInterval(block, "verify_interval") ?? REPLICA_DEFAULTS.verifyIntervalMs,
  };
  const verifyPath = block.string("verify_path");
  const rest = {
    verifyPath: verifyPath === undefined ? undefined : absolute(verifyPath, options),
    restoreOnBoot: block.boolean("restore_on_boot") ?? true,
    pointsIntervalMs: block.duration("points") ?? DEFAULTS.points,
    maxWalBytes: block.size("max_wal"),
    sealed: barrier === "sealed",
    reshard: reshardOf(block),
  };
  // What is switched off need not be complete.
  if (!enabled) return { ...base, disabled: true, databases: [], fleet: undefined };
  const place = placeOf(root, block);
  const replica = rootOf(block, backends);
  const fleet: FleetConfig = {
    mode,
    root: { ...replica, age: readAge(block, "_", options), ...intervals },
    folder: absolute(place.dataDir ?? "data", options),
    layout: block.has("databases") ? patternOf(block) : shardsOf(block, place),
    ...rest,
  };
  const warnings = riskWarnings(replica.settings, replica.places);
  return { ...base, warnings, disabled: false, fleet, databases: databasesOf(fleet) };
}

function reshardOf(block: YamlMap): ReshardConfig {
  const given = block.map("reshard");
  given?.only(["keys", "everywhere"], "in reshard");
  const keys = given?.map("keys");
  return {
    keys: Object.fromEntries((keys?.keys() ?? []).map((table) => [table, keys?.string(table) ?? ""])),
    everywhere: given?.strings("everywhere") ?? [],
  };
}

function packagesOf(block: YamlMap): Record<string, string> {
  const entries = block.map("backends");
  return Object.fromEntries((entries?.keys() ?? []).map((key) => [key, entries?.string(key) ?? ""]));
}

type Root = Pick<ReplicaConfig, "name" | "type" | "url" | "settings" | "places">;

function rootOf(block: YamlMap, backends: Readonly<Record<string, string>>): Root {
  const url = block.string("replica_url") ?? "";
  if (url === "") {
    throw block.error(
      block.has("replica_url") ? "replica_url" : undefined,
      "replication needs replica_url",
      "add `replica_url: s3://bucket/path`, or `enabled: false`",
    );
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1];
  if (scheme === undefined)
    throw block.error(
      "replica_url",
      `replica_url: ${JSON.stringify(shownUrl(url))} has no scheme`,
      "write it as s3://bucket/path, gcs://, abs://, sftp:// or file:///path",
    );
  const type = Object.hasOwn(backends, scheme) ? scheme : canonicalType(scheme);
  const given = block.map("settings");
  const settings: Record<string, SettingValue> = {};
  const places: Record<string, string> = {};
  for (const key of given?.keys() ?? []) {
    const value = given?.scalar(key);
    if (value === undefined) continue;
    settings[key] = value;
    places[key] = given?.at(key) ?? "";
  }
  return { name: type, type, url, settings, places };
}

interface Place {
  readonly shardCount: { readonly map: YamlMap; readonly key: string } | undefined;
  readonly dataDir: string | undefined;
}

/** Ours first, then the application's own keys: at the top, or in one of the blocks there. */
function placeOf(root: YamlMap, block: YamlMap): Place {
  const maps = [block, root, ...root.blocks().filter((map) => map.node !== block.node)];
  const withCount = maps.filter((map) => map.has("shard_count"));
  const chosen = withCount.find((map) => map === block || map === root);
  if (chosen === undefined && withCount.length > 1) {
    throw (withCount[1] ?? root).error(
      "shard_count",
      "shard_count is there twice",
      "say which one counts: add it in replication",
    );
  }
  const [first] = chosen === undefined ? withCount : [chosen];
  const holder = [block, root, ...(first === undefined ? [] : [first])].find((map) => map.has("data_dir"));
  return {
    shardCount: first === undefined ? undefined : { map: first, key: "shard_count" },
    dataDir: holder?.string("data_dir"),
  };
}

function shardsOf(block: YamlMap, { shardCount }: Place): ShardLayout {
  if (shardCount === undefined) {
    throw block.error(
      undefined,
      "replication needs shard_count",
      'add it here or at the top of the file; or `databases:` with a pattern such as "**/*.db"',
    );
  }
  const { map, key } = shardCount;
  const count = map.count(key, 1) ?? 0;
  if (count > MAX_SHARDS)
    throw map.error(key, `${key}: ${count} shards are too many for one process`, `at most ${MAX_SHARDS}`);
  const pattern = block.string("shard_name") ?? "shard_{i}";
  if (!pattern.includes("{i}"))
    throw block.error("shard_name", `shard_name: ${JSON.stringify(pattern)} has no {i}`, "write it as shard_{i}");
  const shards = Array.from({ length: count }, (_, i) => pattern.replaceAll("{i}", String(i)));
  const dlq = dlqOf(block);
  if (dlq !== null && shards.includes(dlq))
    throw block.error("dlq", `dlq: ${dlq} is a shard's name too`, "give it a name of its own");
  for (const name of [...shards.slice(0, 1), ...(dlq === null ? [] : [dlq])])
    requireName(name, block, name === dlq ? "dlq" : "shard_name");
  return { kind: "shards", sharding: { shards, hashBits: hashOf(block), dlq } };
}

/** A name is a folder in the replica and a file's in the data folder. */
function requireName(name: string, block: YamlMap, key: string): void {
  try {
    checkKey(name, "open");
    if (!name.startsWith(".")) return;
  } catch {
    // Said below.
  }
  throw block.error(
    key,
    `${key}: ${JSON.stringify(name)} cannot be a folder's name`,
    "letters, digits, dashes and underscores will do",
  );
}

function dlqOf(block: YamlMap): Sharding["dlq"] {
  const given = block.scalar("dlq");
  if (given === false) return null;
  if (given === undefined || given === true) return "dlq";
  return String(given).replace(/\.db$/, "");
}

function hashOf(block: YamlMap): HashBits {
  const hash = block.string("hash") ?? "fnv1a-32";
  if (hash === "fnv1a-32") return 32;
  if (hash === "fnv1a-64") return 64;
  throw block.error("hash", `hash: ${JSON.stringify(hash)} is not known`, "fnv1a-32 or fnv1a-64");
}

function patternOf(block: YamlMap): PatternLayout {
  for (const key of ["shard_name", "dlq", "hash"]) {
    if (block.has(key))
      throw block.error(key, `${key} and databases cannot stand together`, "a pattern names all databases");
  }
  const pattern = block.string("databases") ?? "";
  if (pattern === "" || path.isAbsolute(pattern) || pattern.split("/").includes("..")) {
    throw block.error(
      "databases",
      `databases: ${JSON.stringify(pattern)} is no pattern below data_dir`,
      'write it as "**/*.db", and the folder as data_dir',
    );
  }
  if (!/\.[A-Za-z0-9]+$/.test(pattern)) {
    throw block.error(
      "databases",
      `databases: ${JSON.stringify(pattern)} names no ending`,
      'write it as "*.db": SQLite\'s own files beside a database must not match',
    );
  }
  return { kind: "pattern", pattern };
}

/** The file of a database, by its name in the replica. */
export function fileOf({ folder, layout }: Pick<FleetConfig, "folder" | "layout">, name: string): string {
  return path.join(folder, `${name}${layout.kind === "shards" ? ".db" : path.extname(layout.pattern)}`);
}

/** The name in the replica of a file. */
export function nameOf({ folder, layout }: Pick<FleetConfig, "folder" | "layout">, file: string): string {
  const ending = layout.kind === "shards" ? ".db" : path.extname(layout.pattern);
  return path.relative(folder, file).slice(0, -ending.length).split(path.sep).join("/");
}

/** The members as single databases, for the commands that look at one. */
function databasesOf(fleet: FleetConfig): DatabaseConfig[] {
  const { layout } = fleet;
  if (layout.kind === "pattern") return [];
  const { shards, dlq } = layout.sharding;
  return [...shards, ...(dlq === null ? [] : [dlq])].map((name) => memberConfig(fleet, name));
}

/** One member of a fleet as a database with one replica. */
export function memberConfig(fleet: FleetConfig, name: string): DatabaseConfig {
  const { maxWalBytes, sealed } = fleet;
  return {
    path: fileOf(fleet, name),
    metaPath: undefined,
    verifyPath: fleet.verifyPath,
    maxWalBytes,
    sealed,
    replicas: [memberReplica(fleet, name)],
  };
}

/** The replica of one member. */
export function memberReplica({ root }: FleetConfig, name: string): ReplicaConfig {
  return { ...root, url: below(root.url ?? "", name) };
}

function below(url: string, name: string): string {
  const [place = "", ...query] = url.split("?");
  return [`${place.replace(/\/+$/, "")}/${name}`, ...query].join("?");
}

// Reads litestream.yml as it is, and Litewake's own keys in it. Pure: text and environment in, configuration or one line out.
import path from "node:path";
import type { Config, DatabaseConfig, ReplicaConfig } from "./config.ts";
import { absolute, homeOf } from "./absolute.ts";
import { expandEnv } from "./expand-env.ts";
import type { AgeContext } from "./read-age.ts";
import { placeKey, readReplica, type ReplicaContext } from "./read-replica.ts";
import { readFleet } from "./read-fleet.ts";
import { readLogging } from "./read-logging.ts";
import { readWatch, watchKeys } from "./read-watch.ts";
import { parseYaml, type YamlMap } from "./yaml-map.ts";

export interface ReadOptions extends AgeContext {
  /** For messages, and for relative paths of third-party packages. */
  readonly file: string;
  readonly text: string;
  /** False: `$VAR` stays as it is. */
  readonly expandEnv: boolean;
  /** Settings, by type of replica, that an installed backend reads beyond those of litestream.yml. */
  readonly moreSettings?: Readonly<Record<string, readonly string[]>>;
}

const GLOBAL_KEYS = [
  "addr",
  ...Object.values(watchKeys("-")),
  "exec",
  "access-key-id",
  "secret-access-key",
  "logging",
  "dbs",
  "backends",
];
const DATABASE_KEYS = [
  "path",
  "meta-path",
  "verify-path",
  "monitor-interval",
  "checkpoint-interval",
  "min-checkpoint-page-count",
  "max-checkpoint-page-count",
  "replicas",
  "replica",
  "max-wal",
  "barrier",
];

interface ReadDatabase {
  readonly entry: YamlMap;
  readonly database: DatabaseConfig;
}

export function readConfig(options: ReadOptions): Config {
  const text = options.expandEnv ? expandEnv(options.text, options.env) : options.text;
  const root = parseYaml(options.file, text);
  const folder = path.dirname(path.resolve(options.cwd, options.file));
  if (root.has("replication")) return { folder, ...readFleet(root, options) };
  root.only(GLOBAL_KEYS, "at the top level");
  const warnings: string[] = [];
  const keys = { id: root.string("access-key-id"), secret: root.string("secret-access-key") };
  const backends = backendPackages(root);
  const context = { ...options, keys, backends, warnings, moreSettings: options.moreSettings ?? {} };
  const read = root.maps("dbs").map((entry) => ({ entry, database: readDatabase(entry, context) }));
  refuseTwice(read, options);
  const databases = read.map(({ database }) => database);
  return {
    folder,
    databases,
    fleet: undefined,
    disabled: false,
    exec: root.string("exec"),
    logging: readLogging(root),
    watch: readWatch(root, "-"),
    backends,
    warnings,
  };
}

function backendPackages(root: YamlMap): Record<string, string> {
  const entries = root.map("backends");
  return Object.fromEntries((entries?.keys() ?? []).map((key) => [key, entries?.string(key) ?? ""]));
}

function readDatabase(entry: YamlMap, context: ReplicaContext): DatabaseConfig {
  entry.only(DATABASE_KEYS, "of a database");
  const given = entry.string("path");
  if (given === undefined || given === "")
    throw entry.error("path", "a database needs a path", "add `path:`; a variable in it may not be set");
  if (/^\w+:\/\//.test(given))
    throw entry.error("path", "path: this is a URL", "name the database file; the URL belongs to a replica");
  // Litestream's own checkpoints: understood, of no effect, and still no place for a typing error.
  for (const key of ["monitor-interval", "checkpoint-interval"]) entry.duration(key);
  entry.count("min-checkpoint-page-count", 1);
  entry.count("max-checkpoint-page-count", 0);
  const replicas = entry.maps("replicas");
  const single = entry.map("replica");
  if (single !== undefined) {
    if (replicas.length > 0)
      throw entry.error("replica", "replica and replicas cannot stand together", "keep one of them");
    replicas.push(single);
  }
  if (replicas.length === 0)
    throw entry.error("path", `${given} has no replica`, "add `replicas:` with at least one entry");
  const barrier = entry.string("barrier") ?? "sealed";
  if (barrier !== "sealed" && barrier !== "none")
    throw entry.error("barrier", `barrier: ${JSON.stringify(barrier)} is not known`, "sealed or none");
  const metaPath = entry.string("meta-path");
  const verifyPath = entry.string("verify-path");
  return {
    path: absolute(given, context),
    metaPath: metaPath === undefined ? undefined : absolute(metaPath, context),
    verifyPath: verifyPath === undefined ? undefined : absolute(verifyPath, context),
    maxWalBytes: entry.size("max-wal"),
    sealed: barrier === "sealed",
    replicas: readReplicas(replicas, context),
  };
}

function readReplicas(entries: readonly YamlMap[], context: ReplicaContext): ReplicaConfig[] {
  const names = new Set<string>();
  return entries.map((entry) => {
    const replica = readReplica(entry, context);
    if (names.has(replica.name)) {
      throw entry.error(
        "name",
        `two replicas of one database are named ${JSON.stringify(replica.name)}`,
        "give each its own `name:`",
      );
    }
    names.add(replica.name);
    return replica;
  });
}

/** A database that is there twice, or two replicas at one place, would each undo what the other did. */
function refuseTwice(read: readonly ReadDatabase[], { cwd, env }: ReadOptions): void {
  const paths = new Set<string>();
  const places = new Map<string, string>();
  for (const { entry, database } of read) {
    if (paths.has(database.path)) {
      throw entry.error("path", `${database.path} is there twice`, "name each database once, with several replicas");
    }
    paths.add(database.path);
    for (const replica of database.replicas) {
      const place = placeKey(replica, cwd, homeOf(env));
      const other = places.get(place);
      if (other !== undefined) {
        const who =
          other === database.path ? `two replicas of ${other} lie` : `${database.path} and ${other} have replicas`;
        throw entry.error("path", `${who} at the same place`, "give each replica a place of its own");
      }
      places.set(place, database.path);
    }
  }
}

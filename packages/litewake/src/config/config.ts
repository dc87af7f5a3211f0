// The configuration once it is read and proved: plain data, every default filled in.
import type { Sharding } from "@litewake/core";
import type { SettingValue } from "@litewake/core/backend";

/** Keys of age, as text. */
export interface AgeConfig {
  /** Where they are given, as `file:line:column`, a flag or a variable; for messages. */
  readonly place: string;
  /** Each one key or several lines of them. None of both: what is stored cannot be read here. */
  readonly identities: readonly string[];
  readonly identityFile: string | undefined;
  /** None: the identities' own. */
  readonly recipients: readonly string[];
}

export interface ReplicaConfig {
  readonly name: string;
  /** Backend by name (`type:`) or by the URL's scheme. */
  readonly type: string;
  readonly url: string | undefined;
  /** Everything else of the entry, for the backend. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** Where each setting stands, as `file:line:column`, for messages. Empty for a URL of the command line. */
  readonly places: Readonly<Record<string, string>>;
  /** Undefined: what is stored is not encrypted here. */
  readonly age: AgeConfig | undefined;
  readonly syncIntervalMs: number;
  readonly snapshotIntervalMs: number;
  readonly retentionMs: number;
  readonly retentionCheckIntervalMs: number;
  /** A lease that was not renewed for so long may be taken over; 0: none is kept. */
  readonly leaseMs: number;
  /** A drill is held so often: the database is restored elsewhere and compared; 0: never. */
  readonly verifyIntervalMs: number;
}

export interface DatabaseConfig {
  /** Absolute. */
  readonly path: string;
  readonly metaPath: string | undefined;
  /** Where drills restore to; undefined: in the folder of the local state. Absolute. */
  readonly verifyPath: string | undefined;
  readonly maxWalBytes: number | undefined;
  /** Whether a rotation may take the write lock for a moment. */
  readonly sealed: boolean;
  readonly replicas: readonly ReplicaConfig[];
}

export interface LoggingConfig {
  readonly level: "debug" | "info" | "warn" | "error";
  /** Undefined: text on a terminal, JSON elsewhere. */
  readonly type: "text" | "json" | undefined;
  readonly stderr: boolean;
}

/** Shards by number and a dead letter queue. */
export interface ShardLayout {
  readonly kind: "shards";
  readonly sharding: Sharding;
}

/** Databases that a pattern matches; they may come and go. */
export interface PatternLayout {
  readonly kind: "pattern";
  /** Of the files, below the fleet's folder: `tenants/*.db`. */
  readonly pattern: string;
}

/** Many databases under one replica URL: the `replication:` block. */
export interface FleetConfig {
  /** `embedded`: the application replicates by itself. */
  readonly mode: "sidecar" | "embedded";
  /** The root, of which each database has a folder. */
  readonly root: ReplicaConfig;
  /** Where the databases are; absolute. */
  readonly folder: string;
  readonly layout: ShardLayout | PatternLayout;
  readonly restoreOnBoot: boolean;
  /** 0: restore points only when asked for. */
  readonly pointsIntervalMs: number;
  /** Where drills restore to; undefined: in each database's folder of local state. Absolute. */
  readonly verifyPath: string | undefined;
  readonly maxWalBytes: number | undefined;
  readonly sealed: boolean;
  /** Which rows `litewake reshard` moves. */
  readonly reshard: ReshardConfig;
}

export interface ReshardConfig {
  /** By table, the column whose value says which shard a row belongs to. */
  readonly keys: Readonly<Record<string, string>>;
  /** Tables of which every shard holds all rows. */
  readonly everywhere: readonly string[];
}

export interface WatchConfig {
  /** Where metrics and health are served, as written; undefined: nowhere. */
  readonly addr: string | undefined;
  /** A replica that has been behind for longer makes the process unhealthy. Milliseconds. */
  readonly staleMs: number;
  /** Where it is told now and then that all is well. */
  readonly heartbeat: { readonly url: string; readonly intervalMs: number } | undefined;
}

export interface Config {
  /** The file's folder; `undefined` where there is no file. */
  readonly folder: string | undefined;
  /** Of a fleet: those that are known from the configuration alone. */
  readonly databases: readonly DatabaseConfig[];
  readonly fleet: FleetConfig | undefined;
  /** The file has a `replication:` block that is switched off. */
  readonly disabled: boolean;
  readonly exec: string | undefined;
  readonly logging: LoggingConfig;
  readonly watch: WatchConfig;
  /** Packages of third-party backends, by type or scheme. */
  readonly backends: Readonly<Record<string, string>>;
  /** Keys that are understood and not acted upon, each with what that means. */
  readonly warnings: readonly string[];
}

/** How a replica is kept. Milliseconds. */
export type ReplicaIntervals = Pick<
  ReplicaConfig,
  "syncIntervalMs" | "snapshotIntervalMs" | "retentionMs" | "retentionCheckIntervalMs" | "leaseMs" | "verifyIntervalMs"
>;

const HOUR_MS = 3_600_000;

/** Litestream's defaults (formats.md A8). */
export const REPLICA_DEFAULTS: ReplicaIntervals = {
  syncIntervalMs: 1000,
  snapshotIntervalMs: 0,
  retentionMs: 24 * HOUR_MS,
  retentionCheckIntervalMs: HOUR_MS,
  // Each database has a root of its own here, and a lease costs a request each ten seconds: only where it is asked for.
  leaseMs: 0,
  // A drill reads the whole replica: what that costs, only its owner knows.
  verifyIntervalMs: 0,
};

export const DEFAULT_WATCH: WatchConfig = { addr: undefined, staleMs: 300_000, heartbeat: undefined };
export const DEFAULT_LOGGING: LoggingConfig = { level: "info", type: undefined, stderr: false };

// What an application asks for: the keys of the `replication:` block, as plain data.

/** The keys of the `replication:` block (docs/configuration.md). Durations are text such as `"1s"`. */
export interface ReplicationSettings {
  /** Default true here: whoever calls wants it. False: nothing is replicated, and every call says so. */
  readonly enabled?: boolean;
  readonly mode?: "sidecar" | "embedded";
  /** `s3://bucket/path`, `gcs://…`, `abs://…`, `sftp://…`, `file:///path`. */
  readonly replica_url?: string;
  readonly sync_interval?: string;
  readonly restore_on_boot?: boolean;
  readonly snapshot_interval?: string;
  readonly retention?: string;
  readonly retention_check_interval?: string;
  /** Number of shards `<data_dir>/shard_<i>.db`; or `databases`. */
  readonly shard_count?: number;
  /** Default `data`, relative to the working directory. */
  readonly data_dir?: string;
  readonly shard_name?: string;
  /** Name of the dead letter queue; false: there is none. */
  readonly dlq?: string | boolean;
  /** A pattern below `data_dir`, such as `"**\/*.db"` or `"app.db"`. */
  readonly databases?: string;
  readonly hash?: "fnv1a-32" | "fnv1a-64";
  /** How often a restore point is taken; `"0s"`: only by `point()`. */
  readonly points?: string;
  readonly max_wal?: string;
  readonly barrier?: "sealed" | "none";
  /** Packages of third-party backends, by scheme. */
  readonly backends?: Readonly<Record<string, string>>;
  /** The backend's own settings. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** As the text of a configuration file, so that there is one reader and one set of messages. */
export function asConfiguration(settings: ReplicationSettings): string {
  return JSON.stringify({ replication: { enabled: true, ...settings } });
}

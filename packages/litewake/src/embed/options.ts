// What an application asks for: the keys of the `replication:` block, as plain data or in its own configuration file.
import fs from "node:fs";
import { LitewakeError } from "@litewake/core";
import type { Config } from "../config/config.ts";
import { readConfig } from "../config/read-config.ts";

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
  /** A lease that was not renewed for so long may be taken over; `"0s"`: none is kept. */
  readonly lease?: string;
  /** How often a drill is held: each database restored elsewhere and compared with the live one; default never. */
  readonly verify_interval?: string;
  /** Where drills restore to; default beside each database. */
  readonly verify_path?: string;
  readonly max_wal?: string;
  readonly barrier?: "sealed" | "none";
  /** Client-side encryption. Without `recipients` it is for the identities' own. Needs the package `age-encryption`. */
  readonly age?: {
    /** `AGE-SECRET-KEY-1…`. Default: `LITEWAKE_AGE_IDENTITY`, `LITEWAKE_AGE_IDENTITY_FILE`. */
    readonly identities?: readonly string[];
    readonly identity_file?: string;
    /** `age1…`. */
    readonly recipients?: readonly string[];
  };
  /** Packages of third-party backends, by scheme. */
  readonly backends?: Readonly<Record<string, string>>;
  /** The backend's own settings. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** A configuration as the one reader takes it, so that there is one set of messages. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly expandEnv: boolean;
}

/** Settings as plain data, or the path of a YAML file with a `replication:` block. `call`: what the messages name. */
export function sourceOf(settings: ReplicationSettings | string, call: string): Source {
  if (typeof settings !== "string") {
    return { file: call, text: JSON.stringify({ replication: { enabled: true, ...settings } }), expandEnv: false };
  }
  try {
    return { file: settings, text: fs.readFileSync(settings, "utf8"), expandEnv: true };
  } catch (cause) {
    throw new LitewakeError("usage", `configuration file ${settings} cannot be read`, {
      next: "check the path",
      cause,
    });
  }
}

/** The configuration, with the environment and working directory of this process. */
export function configurationOf(source: Source): Config {
  const config = readConfig({ ...source, env: process.env, cwd: process.cwd() });
  if (config.fleet !== undefined || config.disabled) return config;
  throw new LitewakeError("usage", `${source.file} has no replication: block`, {
    next: "add one, or use litewake replicate for `dbs:`",
  });
}

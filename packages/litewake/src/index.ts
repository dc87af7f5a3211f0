// The face of Litewake for applications that embed it.
export {
  type EmbeddedPoint,
  replicate,
  type ReplicateOptions,
  Replicated,
  type ReplicationEvents,
} from "./embed/replicate.ts";
export type { ReplicationSettings } from "./embed/options.ts";
export { restore, type RestoreOptions } from "./embed/restore.ts";
export { verify, type VerifyOptions } from "./embed/verify.ts";
export {
  type DatabaseStatus,
  type Finding,
  type FleetRestoreResult,
  type FleetVerifyReport,
  LitewakeError,
  shardOf,
  type SyncedDatabase,
} from "@litewake/core";
export { type BackendLoading, openReplica, type ReplicaPlace } from "./backends.ts";
export { type Config, type DatabaseConfig, type LoggingConfig, type ReplicaConfig } from "./config/config.ts";
export { readConfig, type ReadOptions } from "./config/read-config.ts";

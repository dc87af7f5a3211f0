// The face of Litewake for applications that embed it.
export { type BackendLoading, openReplica, type ReplicaPlace } from "./backends.ts";
export { type Config, type DatabaseConfig, type LoggingConfig, type ReplicaConfig } from "./config/config.ts";
export { readConfig, type ReadOptions } from "./config/read-config.ts";

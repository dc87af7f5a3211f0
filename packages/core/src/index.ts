// The face of core for applications.
export { type FailureKind, type FailureOptions, LitewakeError } from "./errors.ts";
export { type LogFields, type Logger, type LogLevel, silent } from "./logger.ts";
export { type FollowerStep, type FollowerTuning } from "./database/follower-options.ts";
export { type Catalog, type GenerationRecord, readCatalog, type SegmentRecord, type SnapshotRecord } from "./replica/catalog.ts";
export { comparePlaces, formatPosition, type Generation, isGeneration, type Position } from "./replica/position.ts";
export {
  type DatabaseReplication,
  type DatabaseStatus,
  type ReplicaState,
  type ReplicaStatus,
  type ReplicaTarget,
  Replication,
  type ReplicationOptions,
  type SyncedDatabase,
} from "./shipping/replication.ts";
export { noteRestored } from "./shipping/restored-state.ts";

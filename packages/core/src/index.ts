// The face of core for applications.
export { type FailureKind, type FailureOptions, LitewakeError, oneLine } from "./errors.ts";
export { type LogFields, type Logger, type LogLevel, silent } from "./logger.ts";
export { AgeKeyError, type UnfitKeys } from "./codec/age-error.ts";
export { unencrypted } from "./encryption/unencrypted.ts";
export { isAtLeast, MINIMUM_SQLITE } from "./database/sqlite.ts";
export { type FollowerTuning } from "./database/follower-options.ts";
export {
  type Catalog,
  type GenerationRecord,
  readCatalog,
  type SegmentRecord,
  type SnapshotRecord,
} from "./replica/catalog.ts";
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
export type { DrillOutcome, DrillStatus } from "./shipping/drill-status.ts";
export type { DrillsOptions, DrillTarget, ProveRestorable } from "./drill/drills.ts";
export type { DrillProof, DrillTask } from "./drill/prove-restorable.ts";
export { Fleet, type FleetOptions, type TakenPoint } from "./fleet/fleet.ts";
export { Lease, type LeaseOptions } from "./fleet/lease.ts";
export { leased } from "./fleet/leased.ts";
export { fnv1a32, fnv1a64, type HashBits, shardOf } from "./fleet/hash.ts";
export { type Manifest, readManifest, type Sharding } from "./fleet/manifest.ts";
export { isMemberName } from "./fleet/member-name.ts";
export { type FleetMember, notedMembers } from "./fleet/members.ts";
export {
  findPoint,
  type ListedPoint,
  listPoints,
  pinnedNames,
  pinPoint,
  type PointTarget,
  readPins,
  type RestorePoint,
  unpinPoint,
} from "./fleet/points.ts";
export { type FleetRestoreRequest, type FleetRestoreResult, restoreFleet } from "./fleet/restore-fleet.ts";
export type { LeaseHolder } from "./fleet/lease-object.ts";
export type { FleetVerifyReport, FleetVerifyRequest } from "./fleet/verify-fleet.ts";
export type { PointsProof } from "./fleet/verify-own.ts";
export { reshard, type ReshardRequest, type ReshardResult } from "./fleet/reshard/reshard.ts";
export type { SpreadTable } from "./fleet/reshard/redistribute.ts";
export { metaFolder } from "./database/local-state.ts";
export { fence } from "./shipping/fence.ts";
export { noteRestored } from "./shipping/restored-state.ts";
export { headlessGenerations } from "./replica/headless.ts";
export { type Pin, planRetention } from "./replica/retention-plan.ts";
export type { BestEffort } from "./restore/best-effort.ts";
export type { IntegrityCheck } from "./restore/check.ts";
export type { RestorePlan } from "./restore/plan.ts";
export type { RestoreProgress } from "./restore/progress.ts";
export { type Fault, formatPlace, type ProvablePoint, type RefusedPlace, RestoreRefusal } from "./restore/refusal.ts";
export {
  type ChosenPlan,
  planRestore,
  type ReplicaSource,
  restore,
  type RestoreRequest,
  type RestoreResult,
} from "./restore/restore.ts";
export type { ExactPlace, RestoreTarget } from "./restore/target.ts";
export type { Finding } from "./verify/finding.ts";
export type { ProvedPlace, Window } from "./verify/generation-proof.ts";
export type { VerifiedGeneration, VerifyProgress, VerifyReport, VerifyRequest } from "./verify/verify.ts";

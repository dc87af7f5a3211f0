// The face of core for authors of backends and of the conformance kit. Loads no SQLite.
export type {
  Backend,
  ByteStream,
  CallOptions,
  Capabilities,
  GetOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  ReplicaClient,
  ReplicaLocation,
  SettingValue,
} from "./backend/client.ts";
export {
  ReplicaError,
  type ReplicaErrorCode,
  type ReplicaErrorDetails,
  type ReplicaOperation,
} from "./backend/error.ts";

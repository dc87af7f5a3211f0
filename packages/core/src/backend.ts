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
// What each backend needs and none should write again.
export { abortable, abortedError, throwIfAborted, withOwnSignal } from "./backend/abort.ts";
export { bodyChunks } from "./backend/body.ts";
export { canBegin, checkKey, compareKeys, keyProblem, MAX_KEY_BYTES } from "./backend/key.ts";
export {
  endpointUrl,
  filled,
  invalidConfig,
  isLoopback,
  keepSecretsOf,
  keyPrefix,
  readCaFile,
  readUrl,
  Settings,
  shownUrl,
  type UrlParts,
  type UrlRules,
} from "./backend/location.ts";
export { type HttpAgentOptions, type HttpAgents, httpAgents } from "./backend/http-agents.ts";
export { keepSecret, withoutSecrets } from "./secrets.ts";
export { networkCode, networkError, plainCause } from "./backend/network.ts";
export { eachInParallel } from "./backend/parallel.ts";
export {
  gatherParts,
  type PartedUpload,
  type PartSending,
  sendParts,
  uploadParted,
  type UploadSource,
} from "./backend/parts.ts";
export { readableBytes, type ReadableOptions } from "./backend/readable.ts";
export { type Share, SharedConnections } from "./backend/shared.ts";
export { noBytes, rangeHeader, releasing } from "./backend/stream.ts";
export {
  alreadyThere,
  type ErrorPlace,
  httpMeanings,
  type Meaning,
  outOfOrder,
  throttled,
  vendorError,
  type VendorFailure,
  wrongCredentials,
} from "./backend/vendor-error.ts";
// Wrappers: each takes a client and is one.
export { ConcurrencyLimit, limited } from "./backend/limit.ts";
export {
  countInto,
  metered,
  type MeteredOperation,
  newOperationMetrics,
  type OperationMetrics,
  type OperationOutcome,
  type OperationTotals,
} from "./backend/metrics.ts";
export { prefixed, type PrefixedOptions } from "./backend/prefix.ts";
export { retrying, type RetryEvent, type RetryOptions } from "./backend/retry.ts";

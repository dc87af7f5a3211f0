// What Azure's answers mean to a replica, as a table.
import {
  alreadyThere,
  type ErrorPlace,
  httpMeanings,
  type Meaning,
  networkError,
  outOfOrder,
  plainCause,
  ReplicaError,
  throttled,
  vendorError,
  wrongCredentials,
} from "@litewake/core/backend";

const noCredentials: Meaning = {
  code: "Denied",
  reason: "no credentials: give account-key:, sas-token: or connection-string:, or log in with the Azure CLI",
};
const noContainer: Meaning = { code: "NoSuchStore", reason: "no such container" };

/** Codes of the Blob service's REST API, "Common REST API error codes" and "Blob service error codes". */
const byCode: Readonly<Record<string, Meaning>> = {
  BlobNotFound: { code: "NotFound", reason: "no such object" },
  ContainerNotFound: noContainer,
  ContainerBeingDeleted: { code: "Unavailable", reason: "the container is being deleted" },
  ResourceNotFound: noContainer,
  BlobAlreadyExists: alreadyThere,
  ConditionNotMet: alreadyThere,
  TargetConditionNotMet: alreadyThere,
  AuthenticationFailed: {
    code: "Denied",
    reason: "the store does not accept these credentials; is this host's clock right?",
  },
  InvalidAuthenticationInfo: wrongCredentials,
  NoAuthenticationInformation: { code: "Denied", reason: "the store wants credentials" },
  AuthorizationFailure: {
    code: "Denied",
    reason: "these credentials do not allow it, or the account's network rules forbid it",
  },
  AuthorizationPermissionMismatch: {
    code: "Denied",
    reason: "these credentials do not allow it: the role Storage Blob Data Contributor does",
  },
  AuthorizationProtocolMismatch: { code: "Denied", reason: "the signature allows https only" },
  AccountIsDisabled: { code: "Denied", reason: "the account is disabled" },
  InsufficientAccountPermissions: { code: "Denied", reason: "these credentials do not allow it" },
  ServerBusy: throttled,
  OperationTimedOut: outOfOrder,
  InternalError: outOfOrder,
  LeaseIdMissing: { code: "Denied", reason: "somebody holds a lease on the object" },
  BlobArchived: { code: "Unsupported", reason: "the object is archived; rehydrate it first" },
  BlobBeingRehydrated: { code: "Unavailable", reason: "the object is being brought back from the archive" },
  BlobImmutableDueToPolicy: { code: "Denied", reason: "a policy makes the object immutable" },
  RequestBodyTooLarge: { code: "Unsupported", reason: "the object is larger than the store allows" },
  InvalidBlobTier: { code: "InvalidConfig", reason: "the account does not know this access tier" },
  InvalidResourceName: { code: "InvalidConfig", reason: "this cannot be the name of a container or object" },
  CredentialUnavailableError: noCredentials,
  AggregateAuthenticationError: noCredentials,
};

const byStatus: Readonly<Record<number, Meaning>> = {
  ...httpMeanings,
  409: { code: "Unavailable", reason: "another request for the same object is under way" },
  413: { code: "Unsupported", reason: "the object is larger than the store allows" },
  503: throttled,
};

/** A failure of the SDK as the replica's error; one that is already is passed on. */
export function absError(error: unknown, place: ErrorPlace): ReplicaError {
  if (ReplicaError.is(error)) return error;
  const network = networkError(error, place.where, place.operation, place.key);
  if (network !== undefined) return network;
  const status = statusOf(error);
  const code = codeOf(error);
  const meaning =
    (code === undefined ? undefined : byCode[code]) ?? (status === undefined ? undefined : byStatus[status]);
  const said = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  const cause = Object.assign(plainCause(error), { status });
  return vendorError({ meaning, status, said, names: [code, status], cause }, place);
}

/** Whether the range asked for begins at or past the object's end. */
export function isPastEnd(error: unknown): boolean {
  return statusOf(error) === 416;
}

/** A body that broke in the middle: the connection's fault, whatever the SDK calls it. */
export function brokenBody(error: unknown, key: string, where: string): ReplicaError {
  const found = absError(error, { operation: "get", key, where });
  if (found.code !== "Unknown") return found;
  const reason = `${where}: the connection was cut in the middle`;
  return new ReplicaError({ code: "Unavailable", operation: "get", key, reason, cause: plainCause(error) });
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const details = "details" in error ? (error.details as { errorCode?: unknown } | undefined) : undefined;
  const candidates = ["code" in error ? error.code : undefined, details?.errorCode, error.name];
  return candidates.find((code): code is string => typeof code === "string" && Object.hasOwn(byCode, code));
}

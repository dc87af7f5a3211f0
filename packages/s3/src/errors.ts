// What a store's answers mean to a replica, as a table.
import {
  networkError,
  plainCause,
  ReplicaError,
  type ReplicaErrorCode,
  type ReplicaOperation,
} from "@litewake/core/backend";

interface Meaning {
  readonly code: ReplicaErrorCode;
  readonly reason: string;
  readonly retryable?: boolean;
}

const throttled: Meaning = { code: "Throttled", reason: "the store asks to be called less often" };
const outOfOrder: Meaning = { code: "Unavailable", reason: "the store is out of order for the moment" };
const wrongKeys: Meaning = { code: "Denied", reason: "the store does not accept these credentials" };
const conflict: Meaning = { code: "Conflict", reason: "the object is there already" };
const full: Meaning = { code: "NoSpace", reason: "the store has no room" };

const byName: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { code: "NotFound", reason: "no such object" },
  NotFound: { code: "NotFound", reason: "no such object" },
  NoSuchBucket: { code: "NoSuchStore", reason: "no such bucket" },
  InvalidBucketName: { code: "InvalidConfig", reason: "this cannot be a bucket's name" },
  AccessDenied: { code: "Denied", reason: "these credentials do not allow it" },
  AllAccessDisabled: { code: "Denied", reason: "all access to the bucket is disabled" },
  AccountProblem: { code: "Denied", reason: "there is a problem with the account" },
  InvalidAccessKeyId: { code: "Denied", reason: "the access key is not known to the store" },
  SignatureDoesNotMatch: { code: "Denied", reason: "the secret access key is wrong" },
  ExpiredToken: { code: "Denied", reason: "the session's token has expired" },
  ExpiredTokenException: { code: "Denied", reason: "the session's token has expired" },
  InvalidToken: wrongKeys,
  InvalidTokenId: wrongKeys,
  TokenRefreshRequired: wrongKeys,
  RequestTimeTooSkewed: { code: "Denied", reason: "this host's clock is too far from the store's; set it right" },
  CredentialsProviderError: {
    code: "Denied",
    reason:
      "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or access-key-id and secret-access-key",
  },
  TokenProviderError: wrongKeys,
  PreconditionFailed: conflict,
  // Another put or delete of the same key is under way: the store asks to try again.
  ConditionalRequestConflict: { code: "Unavailable", reason: "another request for the same object is under way" },
  OperationAborted: { code: "Unavailable", reason: "another operation on the bucket is under way" },
  SlowDown: throttled,
  SlowDownRead: throttled,
  SlowDownWrite: throttled,
  Throttling: throttled,
  ThrottlingException: throttled,
  TooManyRequests: throttled,
  RequestLimitExceeded: throttled,
  ServiceUnavailable: throttled,
  InternalError: outOfOrder,
  RequestTimeout: { code: "Unavailable", reason: "the store waited in vain for the rest of the request" },
  TimeoutError: { code: "Unavailable", reason: "the store did not answer in time" },
  NotImplemented: { code: "Unsupported", reason: "the store cannot do this" },
  InvalidObjectState: { code: "Unsupported", reason: "the object is archived; restore it from the archive first" },
  EntityTooLarge: { code: "Unsupported", reason: "the object is larger than the store allows" },
  InvalidStorageClass: { code: "InvalidConfig", reason: "the store does not know this storage class" },
  InvalidTag: { code: "InvalidConfig", reason: "the store does not accept these tags" },
  KeyTooLongError: { code: "InvalidConfig", reason: "the key is longer than the store allows" },
  PermanentRedirect: { code: "InvalidConfig", reason: "the bucket lies in another region; set region" },
  AuthorizationHeaderMalformed: { code: "InvalidConfig", reason: "the bucket lies in another region; set region" },
  IllegalLocationConstraintException: {
    code: "InvalidConfig",
    reason: "the bucket lies in another region; set region",
  },
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  QuotaExceeded: full,
  "KMS.NotFoundException": { code: "InvalidConfig", reason: "the KMS key does not exist" },
  "KMS.DisabledException": { code: "Denied", reason: "the KMS key is disabled" },
};

const byStatus: Readonly<Record<number, Meaning>> = {
  301: { code: "InvalidConfig", reason: "the bucket lies in another region; set region" },
  401: wrongKeys,
  403: { code: "Denied", reason: "these credentials do not allow it" },
  404: { code: "NotFound", reason: "no such object" },
  408: outOfOrder,
  409: { code: "Unavailable", reason: "another request for the same object is under way" },
  412: conflict,
  416: { code: "Unsupported", reason: "the range lies outside of the object" },
  429: throttled,
  500: outOfOrder,
  501: { code: "Unsupported", reason: "the store cannot do this" },
  502: outOfOrder,
  503: throttled,
  504: outOfOrder,
  507: full,
};

export interface ErrorPlace {
  readonly operation: ReplicaOperation;
  readonly key?: string | undefined;
  /** Bucket and host, for the line. */
  readonly where: string;
}

/** A failure of the SDK as the replica's error; one that is already is passed on. */
export function s3Error(error: unknown, { operation, key, where }: ErrorPlace): ReplicaError {
  if (ReplicaError.is(error)) return error;
  const network = networkError(error, where, operation, key);
  if (network !== undefined) return network;
  const name = error instanceof Error ? error.name : "";
  const status = statusOf(error);
  const meaning =
    (Object.hasOwn(byName, name) ? byName[name] : undefined) ?? (status === undefined ? undefined : byStatus[status]);
  const cause = causeOf(error, status);
  if (meaning === undefined) {
    const said = error instanceof Error ? error.message : String(error);
    // What the store refused once it will refuse again.
    const retryable = status === undefined || status >= 500;
    return new ReplicaError({
      code: "Unknown",
      retryable,
      operation,
      key,
      reason: `${where}: ${said} (${name})`,
      cause,
    });
  }
  const tail = [name, status].filter((part) => part !== "" && part !== undefined).join(", ");
  const reason = `${where}: ${meaning.reason} (${tail})`;
  return new ReplicaError({ code: meaning.code, operation, key, reason, cause });
}

/** Whether the range asked for begins at or past the object's end. */
export function isPastEnd(error: unknown): boolean {
  return statusOf(error) === 416;
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return undefined;
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}

/** The vendor's error without its request and response, which carry credentials; with what their support asks for. */
function causeOf(error: unknown, status: number | undefined): Error {
  const cause = plainCause(error);
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return cause;
  const { requestId, extendedRequestId } = error.$metadata as Record<string, unknown>;
  return Object.assign(cause, { status, requestId, extendedRequestId });
}

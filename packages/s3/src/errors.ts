// What a store's answers mean to a replica, as a table.
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

const full: Meaning = { code: "NoSpace", reason: "the store has no room" };
const elsewhere: Meaning = { code: "InvalidConfig", reason: "the bucket lies in another region; set region" };
const busy: Meaning = { code: "Unavailable", reason: "another request for the same object is under way" };

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
  InvalidToken: wrongCredentials,
  InvalidTokenId: wrongCredentials,
  TokenRefreshRequired: wrongCredentials,
  RequestTimeTooSkewed: { code: "Denied", reason: "this host's clock is too far from the store's; set it right" },
  CredentialsProviderError: {
    code: "Denied",
    reason:
      "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or access-key-id and secret-access-key",
  },
  TokenProviderError: wrongCredentials,
  PreconditionFailed: alreadyThere,
  // Another put or delete of the same key is under way: the store asks to try again.
  ConditionalRequestConflict: busy,
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
  PermanentRedirect: elsewhere,
  AuthorizationHeaderMalformed: elsewhere,
  IllegalLocationConstraintException: elsewhere,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  QuotaExceeded: full,
  "kms:KeyNotFound": { code: "InvalidConfig", reason: "the KMS key does not exist" },
  "KMS.NotFoundException": { code: "InvalidConfig", reason: "the KMS key does not exist" },
  "KMS.DisabledException": { code: "Denied", reason: "the KMS key is disabled" },
};

const byStatus: Readonly<Record<number, Meaning>> = {
  ...httpMeanings,
  301: elsewhere,
  409: busy,
  416: { code: "Unsupported", reason: "the range lies outside of the object" },
  503: throttled,
  507: full,
};

/** What is wrong with a customer's key is an InvalidRequest like many others: only Amazon's words, which others use too, tell. */
const byWords: readonly (readonly [RegExp, Meaning])[] = [
  [
    /stored using a form of server side encryption/i,
    { code: "InvalidConfig", reason: "the object is encrypted with a customer's key; give it by sse-customer-key" },
  ],
  [
    /encryption parameters are not applicable/i,
    {
      code: "InvalidConfig",
      reason: "the object is not encrypted with a customer's key, although sse-customer-key is given",
    },
  ],
  [
    /customer provided keys must be made over a secure connection/i,
    { code: "InvalidConfig", reason: "sse-customer-key goes over https only" },
  ],
];
const anotherKey: Meaning = {
  code: "Denied",
  reason: "these credentials do not allow it, or the object was stored with another sse-customer-key",
};
const unfitKey: Meaning = { code: "InvalidConfig", reason: "sse-customer-key does not fit the object" };
const keyNeeded: Meaning = {
  code: "InvalidConfig",
  reason:
    "the store refuses the request; if the object is encrypted with a customer's key, give it by sse-customer-key",
};

export interface S3Place extends ErrorPlace {
  /** The request carried a customer's key. */
  readonly customerKey: boolean;
}

function customerKeyMeaning(error: unknown, status: number | undefined, place: S3Place): Meaning | undefined {
  const said = error instanceof Error ? error.message : "";
  const words = byWords.find(([pattern]) => pattern.test(said));
  if (words !== undefined) return words[1];
  if (place.operation !== "get") return undefined;
  // Amazon's answer to a wrong key is that to missing rights; a HEAD's has no name.
  if (status === 403 && place.customerKey && ["AccessDenied", "Unknown"].includes(nameOf(error))) return anotherKey;
  // A HEAD's answer has no words.
  if (status === 400 && nameOf(error) === "Unknown") return place.customerKey ? unfitKey : keyNeeded;
  return undefined;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

/** A failure of the SDK as the replica's error; one that is already is passed on. */
export function s3Error(error: unknown, place: S3Place): ReplicaError {
  if (ReplicaError.is(error)) return error;
  const network = networkError(error, place.where, place.operation, place.key);
  if (network !== undefined) return network;
  const name = nameOf(error);
  const status = statusOf(error);
  const meaning =
    customerKeyMeaning(error, status, place) ??
    (Object.hasOwn(byName, name) ? byName[name] : undefined) ??
    (status === undefined ? undefined : byStatus[status]);
  const said = error instanceof Error ? error.message : String(error);
  return vendorError({ meaning, status, said, names: [name, status], cause: causeOf(error, status) }, place);
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

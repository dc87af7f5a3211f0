// What Google's answers mean to a replica.
import {
  networkError,
  plainCause,
  ReplicaError,
  type ReplicaErrorCode,
  type ReplicaOperation,
} from "@litewake/core/backend";

/** An answer that is no success, with its body. */
export class HttpFailure extends Error {
  readonly status: number;
  /** Google's own word for the case (`notFound`, `rateLimitExceeded`, …), if it gave one. */
  readonly reason: string | undefined;

  constructor(status: number, body: string) {
    const said = errorIn(body);
    super(said?.message ?? body.slice(0, 200).trim());
    this.name = "HttpFailure";
    this.status = status;
    this.reason = said?.reason;
  }
}

/** No credentials were found, or what was found is not accepted where tokens are given out. */
export class NoCredentials extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause: plainCause(cause) });
    this.name = "NoCredentials";
  }
}

interface Meaning {
  readonly code: ReplicaErrorCode;
  readonly reason: string;
}

const throttled: Meaning = { code: "Throttled", reason: "the store asks to be called less often" };
const outOfOrder: Meaning = { code: "Unavailable", reason: "the store is out of order for the moment" };

const byReason: Readonly<Record<string, Meaning>> = {
  rateLimitExceeded: throttled,
  userRateLimitExceeded: throttled,
  quotaExceeded: { code: "NoSpace", reason: "a quota of the project is used up" },
  invalidBucketName: { code: "InvalidConfig", reason: "this cannot be a bucket's name" },
};

const byStatus: Readonly<Record<number, Meaning>> = {
  401: { code: "Denied", reason: "the store does not accept these credentials" },
  403: { code: "Denied", reason: "these credentials do not allow it" },
  404: { code: "NotFound", reason: "no such object" },
  408: outOfOrder,
  // A resumable upload's session that is gone.
  410: outOfOrder,
  412: { code: "Conflict", reason: "the object is there already" },
  413: { code: "Unsupported", reason: "the object is larger than the store allows" },
  416: { code: "Unsupported", reason: "the range lies outside of the object" },
  429: throttled,
  500: outOfOrder,
  501: { code: "Unsupported", reason: "the store cannot do this" },
  502: outOfOrder,
  503: outOfOrder,
  504: outOfOrder,
};

export interface ErrorPlace {
  readonly operation: ReplicaOperation;
  readonly key?: string | undefined;
  /** Bucket and host, for the line. */
  readonly where: string;
}

/** A failure as the replica's error; one that is already is passed on. */
export function gcsError(error: unknown, { operation, key, where }: ErrorPlace): ReplicaError {
  if (ReplicaError.is(error)) return error;
  if (error instanceof NoCredentials) return withoutCredentials(error, { operation, key, where });
  if (!(error instanceof HttpFailure)) {
    const network = networkError(error, where, operation, key);
    if (network !== undefined) return network;
    const reason = `${where}: ${error instanceof Error ? error.message : String(error)}`;
    return new ReplicaError({ code: "Unknown", operation, key, reason, cause: plainCause(error) });
  }
  const { status, reason: word } = error;
  const isBucket =
    status === 404 &&
    ((operation !== "get" && operation !== "delete") ||
      (/bucket/i.test(error.message) && !/object/i.test(error.message)));
  const meaning: Meaning | undefined = isBucket
    ? { code: "NoSuchStore", reason: "no such bucket" }
    : ((word === undefined ? undefined : byReason[word]) ?? byStatus[status]);
  if (meaning === undefined) {
    const reason = `${where}: ${error.message} (${status})`;
    return new ReplicaError({ code: "Unknown", retryable: status >= 500, operation, key, reason, cause: error });
  }
  const said = meaning.code === "Denied" && error.message !== "" ? `: ${error.message}` : "";
  const reason = `${where}: ${meaning.reason}${said} (${[word, status].filter(Boolean).join(", ")})`;
  return new ReplicaError({ code: meaning.code, operation, key, reason, cause: error });
}

function withoutCredentials(error: NoCredentials, { operation, key, where }: ErrorPlace): ReplicaError {
  const network = networkError(error, where, operation, key);
  if (network !== undefined) return network;
  const next =
    "set GOOGLE_APPLICATION_CREDENTIALS to a key file, give key-file:, or run gcloud auth application-default login";
  const reason = `${where}: no credentials (${error.message.split("\n")[0]}); ${next}`;
  return new ReplicaError({ code: "Denied", operation, key, reason, cause: error });
}

/** Whether the range asked for begins at or past the object's end. */
export function isPastEnd(error: unknown): boolean {
  return error instanceof HttpFailure && error.status === 416;
}

function errorIn(body: string): { message: string; reason: string | undefined } | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown; errors?: { reason?: unknown }[] } };
    if (typeof error?.message !== "string") return undefined;
    const reason = error.errors?.[0]?.reason;
    return { message: error.message, reason: typeof reason === "string" ? reason : undefined };
  } catch {
    return undefined;
  }
}

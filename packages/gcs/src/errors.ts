// What Google's answers mean to a replica.
import {
  type ErrorPlace,
  httpMeanings,
  type Meaning,
  networkError,
  outOfOrder,
  plainCause,
  ReplicaError,
  throttled,
  vendorError,
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

const byReason: Readonly<Record<string, Meaning>> = {
  rateLimitExceeded: throttled,
  userRateLimitExceeded: throttled,
  quotaExceeded: { code: "NoSpace", reason: "a quota of the project is used up" },
  invalidBucketName: { code: "InvalidConfig", reason: "this cannot be a bucket's name" },
};

const byStatus: Readonly<Record<number, Meaning>> = {
  ...httpMeanings,
  // A resumable upload's session that is gone.
  410: outOfOrder,
  413: { code: "Unsupported", reason: "the object is larger than the store allows" },
  416: { code: "Unsupported", reason: "the range lies outside of the object" },
  503: outOfOrder,
};

/** A failure as the replica's error; one that is already is passed on. */
export function gcsError(error: unknown, place: ErrorPlace): ReplicaError {
  if (ReplicaError.is(error)) return error;
  const { operation, key, where } = place;
  if (error instanceof NoCredentials) return withoutCredentials(error, place);
  if (!(error instanceof HttpFailure)) {
    const network = networkError(error, where, operation, key);
    if (network !== undefined) return network;
    const said = error instanceof Error ? error.message : String(error);
    return vendorError({ meaning: undefined, status: undefined, said, names: [], cause: plainCause(error) }, place);
  }
  const { status, reason: word, message: said } = error;
  const meaning = isBucketMissing(error, place)
    ? { code: "NoSuchStore" as const, reason: "no such bucket" }
    : ((word === undefined ? undefined : byReason[word]) ?? byStatus[status]);
  // Google's own words tell which permission is missing.
  const detailed =
    meaning?.code === "Denied" && said !== "" ? { ...meaning, reason: `${meaning.reason}: ${said}` } : meaning;
  return vendorError({ meaning: detailed, status, said, names: [word, status], cause: error }, place);
}

/** Google has one answer for a missing bucket and a missing object. */
function isBucketMissing({ status, message }: HttpFailure, { operation }: ErrorPlace): boolean {
  if (status !== 404) return false;
  return (operation !== "get" && operation !== "delete") || (/bucket/i.test(message) && !/object/i.test(message));
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

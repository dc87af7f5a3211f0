// A store's refusal as the replica's error: what HTTP's status codes mean everywhere, and how the line is written.
import { ReplicaError, type ReplicaErrorCode, type ReplicaOperation } from "./error.ts";

/** What one of a store's answers means to a replica. */
export interface Meaning {
  readonly code: ReplicaErrorCode;
  readonly reason: string;
}

/** What failed, and where, for the line. */
export interface ErrorPlace {
  readonly operation: ReplicaOperation;
  readonly key?: string | undefined;
  /** The store as a person knows it: bucket and host, or user and host. */
  readonly where: string;
}

export const throttled: Meaning = { code: "Throttled", reason: "the store asks to be called less often" };
export const outOfOrder: Meaning = { code: "Unavailable", reason: "the store is out of order for the moment" };
export const alreadyThere: Meaning = { code: "Conflict", reason: "the object is there already" };
export const wrongCredentials: Meaning = { code: "Denied", reason: "the store does not accept these credentials" };

/** The status codes that mean the same in every store. Each adds its own, and its words for a case before these. */
export const httpMeanings: Readonly<Record<number, Meaning>> = {
  401: wrongCredentials,
  403: { code: "Denied", reason: "these credentials do not allow it" },
  404: { code: "NotFound", reason: "no such object" },
  408: outOfOrder,
  412: alreadyThere,
  429: throttled,
  500: outOfOrder,
  501: { code: "Unsupported", reason: "the store cannot do this" },
  502: outOfOrder,
  504: outOfOrder,
};

export interface VendorFailure {
  /** Undefined: the store answered something unforeseen. */
  readonly meaning: Meaning | undefined;
  /** Of HTTP, where there was an answer. */
  readonly status: number | undefined;
  /** The vendor's own words, shown where there is no meaning. */
  readonly said: string;
  /** The vendor's names for the case, shown in brackets. */
  readonly names: readonly (string | number | undefined)[];
  /** Free of secrets. */
  readonly cause: Error;
}

/** The error of a refusal. What is unforeseen may be tried again unless the store refused it: then it will again. */
export function vendorError(
  { meaning, status, said, names, cause }: VendorFailure,
  { operation, key, where }: ErrorPlace,
): ReplicaError {
  const tail = names.filter((name) => name !== undefined && name !== "").join(", ");
  const shown = tail === "" ? "" : ` (${tail})`;
  if (meaning !== undefined) {
    return new ReplicaError({
      code: meaning.code,
      operation,
      key,
      reason: `${where}: ${meaning.reason}${shown}`,
      cause,
    });
  }
  const retryable = status === undefined || status >= 500;
  return new ReplicaError({ code: "Unknown", retryable, operation, key, reason: `${where}: ${said}${shown}`, cause });
}

// The one error of a storage backend: a closed set of codes, and whether trying again can help.
import { oneLine } from "../errors.ts";

export type ReplicaErrorCode =
  /** The object is not there. */
  | "NotFound"
  /** `put` with `ifAbsent`: the object is there already. */
  | "Conflict"
  /** Credentials are missing or wrong, or do not allow the operation. */
  | "Denied"
  /** The bucket, container, account, host or root folder does not exist. */
  | "NoSuchStore"
  /** The store did not answer, dropped the connection, or answered that it is out of order. */
  | "Unavailable"
  /** The store asked to be called less often. */
  | "Throttled"
  /** The store has no room. */
  | "NoSpace"
  /** The URL or a setting makes no sense to the backend. */
  | "InvalidConfig"
  /** The store cannot do what was asked (a conditional put, for instance). */
  | "Unsupported"
  /** The caller's signal ended the call. */
  | "Aborted"
  /** The store answered something unforeseen. */
  | "Unknown";

export type ReplicaOperation = "open" | "list" | "get" | "put" | "delete" | "close";

export interface ReplicaErrorDetails {
  readonly code: ReplicaErrorCode;
  /** Whether the same call may succeed later without anybody changing anything. Default: by code. */
  readonly retryable?: boolean;
  readonly operation: ReplicaOperation;
  /** The key or prefix, where the call had one. */
  readonly key?: string | undefined;
  /** What happened, in words for a person; without secrets. */
  readonly reason: string;
  /** The vendor's own error. */
  readonly cause?: unknown;
  /** Only with `Conflict`, see `ReplicaError.ambiguous`. */
  readonly ambiguous?: boolean;
}

const retryableByDefault: ReadonlySet<ReplicaErrorCode> = new Set(["Unavailable", "Throttled", "NoSpace", "Unknown"]);

/** A call to a backend failed. Tell cases apart by `code`, never by the text. */
export class ReplicaError extends Error {
  readonly code: ReplicaErrorCode;
  readonly retryable: boolean;
  readonly operation: ReplicaOperation;
  readonly key: string | undefined;
  /**
   * With `Conflict`: an earlier attempt of the same put ended without an answer, so the object that is there may be
   * this caller's own. Settle it by comparing bytes. `false` proves nothing: a client may have tried again by itself.
   */
  readonly ambiguous: boolean;

  constructor(details: ReplicaErrorDetails) {
    const where =
      details.key === undefined || details.key === "" ? details.operation : `${details.operation} ${details.key}`;
    // One line, whatever the vendor said and the key is.
    super(oneLine(`${where}: ${details.reason}`), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ReplicaError";
    this.code = details.code;
    this.retryable = details.retryable ?? retryableByDefault.has(details.code);
    this.operation = details.operation;
    this.key = details.key;
    this.ambiguous = details.ambiguous ?? false;
  }

  /** Recognises the error across copies of this package, which `instanceof` does not. */
  static is(value: unknown, code?: ReplicaErrorCode): value is ReplicaError {
    return (
      value instanceof Error &&
      value.name === "ReplicaError" &&
      "code" in value &&
      (code === undefined || value.code === code)
    );
  }
}

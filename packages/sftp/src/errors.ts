// What SSH's and SFTP's errors mean to a replica.
import { type ErrorPlace, networkError, plainCause, ReplicaError } from "@litewake/core/backend";

/** Status codes of SFTP version 3 (draft-ietf-secsh-filexfer-02, section 7). */
export const STATUS = { EOF: 1, NO_SUCH_FILE: 2, PERMISSION_DENIED: 3, FAILURE: 4, OP_UNSUPPORTED: 8 } as const;

/** The status code of a failed request, if it is one. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "number" ? error.code : undefined;
}

/** A failure as the replica's error; one that is already is passed on. */
export function sftpError(error: unknown, { operation, key, where }: ErrorPlace): ReplicaError {
  if (ReplicaError.is(error)) return error;
  const cause = plainCause(error);
  const make = (code: ReplicaError["code"], reason: string, retryable?: boolean): ReplicaError =>
    new ReplicaError({
      code,
      operation,
      key,
      reason: `${where}: ${reason}`,
      cause,
      ...(retryable === undefined ? {} : { retryable }),
    });
  const network = networkError(error, where, operation, key);
  if (network !== undefined) return network;
  const message = error instanceof Error ? error.message : String(error);
  const status = statusOf(error);
  if (status === STATUS.NO_SUCH_FILE) {
    // A put makes the folders it needs; one that is missing all the same is being removed by somebody else.
    return operation === "put"
      ? make("Unavailable", "the replica's folder vanished meanwhile")
      : make("NotFound", "no such object");
  }
  if (status === STATUS.PERMISSION_DENIED) return make("Denied", "permission denied");
  if (status === STATUS.OP_UNSUPPORTED) return make("Unsupported", "the server cannot do this");
  // The protocol has no word for why.
  if (status === STATUS.FAILURE) return make("Unknown", `the server failed (${message})`);
  const level = error instanceof Error && "level" in error ? error.level : undefined;
  if (level === "client-authentication")
    return make("Denied", "the server accepts neither key nor password of this user");
  if (level === "client-timeout" || /timed out/i.test(message))
    return make("Unavailable", "the server did not answer in time");
  if (level === "protocol" || level === "handshake")
    return make("Unavailable", `the connection could not be set up (${message})`);
  if (/no response from server|not connected|connection lost|channel|socket|ended/i.test(message))
    return make("Unavailable", `the connection was cut (${message})`);
  return make("Unknown", message);
}

// What the operating system's error numbers mean to a replica, as a table.
import { ReplicaError, type ReplicaErrorCode, type ReplicaOperation } from "@litewake/core/backend";

interface Meaning {
  readonly code: ReplicaErrorCode;
  readonly reason: string;
}

const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: "NotFound", reason: "no such object" },
  EACCES: { code: "Denied", reason: "permission denied" },
  EPERM: { code: "Denied", reason: "the operation is not permitted" },
  EROFS: { code: "Denied", reason: "the file system is read-only" },
  ENOSPC: { code: "NoSpace", reason: "no space is left on the device" },
  EDQUOT: { code: "NoSpace", reason: "the disk quota is used up" },
  EFBIG: { code: "Unsupported", reason: "the object is larger than the file system or a limit of the process allows" },
  ENOTDIR: { code: "Unsupported", reason: "a part of the key is an object, not a folder" },
  EEXIST: { code: "Unsupported", reason: "a part of the key is an object, not a folder" },
  EISDIR: { code: "Unsupported", reason: "the key names a folder" },
  ENOTEMPTY: { code: "Unsupported", reason: "the key names a folder" },
  ENAMETOOLONG: { code: "InvalidConfig", reason: "a part of the path is longer than the file system allows" },
  ELOOP: { code: "InvalidConfig", reason: "the path runs through too many symbolic links" },
  EMFILE: { code: "Unavailable", reason: "too many files are open in this process" },
  ENFILE: { code: "Unavailable", reason: "too many files are open in the system" },
  EIO: { code: "Unavailable", reason: "the device failed" },
  ESTALE: { code: "Unavailable", reason: "the network mount lost the file" },
  EBUSY: { code: "Unavailable", reason: "the file is busy" },
  EAGAIN: { code: "Unavailable", reason: "the system is out of resources for the moment" },
  ENOMEM: { code: "Unavailable", reason: "the system is out of memory" },
  ETIMEDOUT: { code: "Unavailable", reason: "the network mount did not answer" },
  ENOTCONN: { code: "Unavailable", reason: "the mount is not connected" },
  EHOSTDOWN: { code: "Unavailable", reason: "the host of the network mount is down" },
  EHOSTUNREACH: { code: "Unavailable", reason: "the host of the network mount cannot be reached" },
};

/** A name that cannot exist is absent to whoever looks for it. */
const absence: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG"]);

/** Whether the failure says that there is no such object, folder or name. */
export function meansAbsent(error: unknown): boolean {
  return absence.has(errnoOf(error) ?? "");
}

/** The error's symbolic number, `ENOSPC` for instance. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** A failure of the file system as the replica's error; one that is already is passed on. */
export function fileError(error: unknown, operation: ReplicaOperation, key?: string): ReplicaError {
  if (ReplicaError.is(error)) return error;
  const errno = errnoOf(error);
  const meaning = operation === "get" && meansAbsent(error) ? meanings["ENOENT"] : meanings[errno ?? ""];
  if (meaning === undefined) {
    const reason = error instanceof Error ? error.message : String(error);
    return new ReplicaError({ code: "Unknown", operation, key, reason, cause: error });
  }
  if (errno === "ENOTDIR" && operation === "list") {
    return new ReplicaError({
      code: "InvalidConfig",
      operation,
      key,
      reason: "the replica's root is not a folder (ENOTDIR)",
    });
  }
  // A put makes the folders it needs; one that is missing all the same is being removed by somebody else.
  const isRace = errno === "ENOENT" && operation !== "get";
  return new ReplicaError({
    code: isRace ? "Unavailable" : meaning.code,
    operation,
    key,
    reason: isRace ? "the replica's folder vanished meanwhile (ENOENT)" : `${meaning.reason} (${errno})`,
    cause: error,
  });
}

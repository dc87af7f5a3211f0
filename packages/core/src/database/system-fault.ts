// Failures of the system under a database that may pass by themselves: full disks, lost permissions, no descriptors.

/** SQLite's primary codes: PERM, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL. */
const SQLITE_FAULTS: ReadonlySet<number> = new Set([3, 7, 8, 10, 13, 14, 15]);

/**
 * Whether the same step may succeed later without anybody touching Litewake: the disk has room again, the folder may be
 * entered again. Not so: a file that is no database, or a damaged one.
 */
export function isSystemFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("errcode" in error && typeof error.errcode === "number") return SQLITE_FAULTS.has(error.errcode & 0xff);
  // Node's own errors about calls of the system name the call.
  return "syscall" in error && "code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code);
}

/** One line: what the system said. */
export function faultLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!("errcode" in error)) return error.message;
  return `SQLite says: ${error.message} (code ${String(error.errcode)})`;
}

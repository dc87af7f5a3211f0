// A moment on the command line.
import { LitewakeError } from "@litewake/core";

/** RFC 3339, as Litestream takes it. Throws kind `usage`. */
export function parseTimestamp(text: string): Date {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const date = new Date(text);
  // JavaScript takes February 30th for March 2nd.
  const inMonth =
    parts !== null && Number(parts[3]) <= new Date(Date.UTC(Number(parts[1]), Number(parts[2]), 0)).getUTCDate();
  if (!inMonth || Number.isNaN(date.getTime())) {
    throw new LitewakeError("usage", `-timestamp: ${JSON.stringify(text)} is no time`, {
      next: 'write it as "2026-11-24T03:04:05Z"',
    });
  }
  return date;
}

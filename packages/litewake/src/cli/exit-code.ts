// What the process answers with. Part of the command line's contract (docs/cli.md).
import { type FailureKind, LitewakeError, oneLine } from "@litewake/core";
import { ReplicaError } from "@litewake/core/backend";

/** The child of `-exec` ended well, and what it committed last could not be shipped in time. */
export const EXIT_TAIL_NOT_DURABLE = 74;

/** A restore did what it could: the output is there and proved, but it is not the state that was asked for. */
export const EXIT_NOT_NEWEST = 8;

const CODES: Readonly<Record<FailureKind, number>> = {
  internal: 1,
  usage: 2,
  "no-backup": 3,
  unreachable: 4,
  damaged: 5,
  database: 6,
  refused: 7,
  aborted: 130,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof LitewakeError) return CODES[error.kind];
  if (ReplicaError.is(error)) return error.code === "InvalidConfig" ? CODES.usage : CODES.unreachable;
  return CODES.internal;
}

/** One line for a person. */
export function lineOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}

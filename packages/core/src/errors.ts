// The one error that Litewake raises for a person to read: what, where, what to do next.
import { withoutSecrets } from "./secrets.ts";

/**
 * What kind of answer an operation ended with. The command line maps each to its own exit code, so that "there is no
 * backup", "the replica cannot be reached" and "the backup is damaged" are three different answers.
 */
export type FailureKind =
  /** A wrong flag, URL, key or value in the configuration. */
  | "usage"
  /** The replica was reached and holds no backup that fits the request. */
  | "no-backup"
  /** The replica could not be reached, or refused the credentials. */
  | "unreachable"
  /** The replica holds objects that contradict each other, or lacks some that must exist. */
  | "damaged"
  /** The database file cannot be followed or the output cannot be written. */
  | "database"
  /** Going on would put history at risk; a person must decide. */
  | "refused"
  /** The operation was cancelled from outside. */
  | "aborted"
  /** A fault of Litewake itself. */
  | "internal";

export interface FailureOptions {
  /** The next step for a person, one short sentence; becomes part of the message. */
  readonly next?: string;
  readonly cause?: unknown;
}

/** Longer lines help nobody; what a replica holds may be of any length. */
const MAX_LINE = 4000;

/**
 * Any text as one line that does nothing to a terminal: names and messages come from stores and files that somebody else may
 * have written. Secrets are left out; control characters, and those that turn the direction of writing, are shown by their numbers.
 */
export function oneLine(text: string): string {
  const line = withoutSecrets(text)
    .slice(0, MAX_LINE)
    .replaceAll(/\s*[\n\r\u2028\u2029]\s*/g, " ")
    .replaceAll(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, codeOf)
    .trim();
  return text.length > MAX_LINE ? `${line}…` : line;
}

function codeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** An operation failed. `message` is one line: what, where and, where it is known, what to do next. */
export class LitewakeError extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(
      oneLine(options.next === undefined ? message : `${message}: ${options.next}`),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "LitewakeError";
    this.kind = kind;
  }
}

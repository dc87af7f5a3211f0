// What is fuzzed: a function of bytes, the inputs to begin with, and what must hold whatever the bytes are.

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, and others that lead deep. */
  readonly seeds: () => readonly Uint8Array[];
  /** Pieces that mutations put in. */
  readonly words: readonly string[];
  /** Throws whatever breaks a promise: an error of another class than the house's, or `Broken`. */
  readonly run: (bytes: Uint8Array) => void | Promise<void>;
  /** Longest input, bytes. */
  readonly most: number;
}

/** A promise does not hold, though nothing was thrown. */
export class Broken extends Error {
  constructor(what: string) {
    super(what);
    this.name = "Broken";
  }
}

const LINE = /^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u;
const HOUSE: ReadonlySet<string> = new Set([
  "LitewakeError",
  "RestoreRefusal",
  "NewerForm",
  "UnknownSetting",
  "ReplicaError",
]);

/** Refusals must be of the house, and one line that a terminal can bear; anything else is passed on. */
export function proveRefusal(error: unknown): void {
  if (!(error instanceof Error) || !HOUSE.has(error.name)) throw error;
  if (!LINE.test(error.message) || error.message.length > 5000)
    throw new Broken(`a refusal is no line: ${JSON.stringify(error.message.slice(0, 300))}`);
  if ("kind" in error && error.kind === "internal") throw error;
}

/** Runs what may refuse; its value, or undefined. */
export function refusing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    proveRefusal(error);
    return undefined;
  }
}

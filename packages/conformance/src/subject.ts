// What the kit is told about the store under test.
import type { ReplicaClient } from "@litewake/core/backend";

/** A store under test: how to open it, and what is known of it beforehand. */
export interface Subject {
  /** For the report. */
  readonly name: string;
  /** A client with an empty root of its own, each time another one. The kit closes it. */
  open(): Promise<ReplicaClient>;
  /** A client whose credentials are wrong or missing. It may also fail to open, with `Denied`. */
  denied?(): Promise<ReplicaClient>;
  /** Removes what the run left behind. Called once, at the end. */
  cleanup?(): Promise<void>;
  /** Texts that must never be printed (passwords, keys, tokens). */
  readonly secrets?: readonly string[];
  /** Entries in one page of a listing or one call of a bulk delete; the kit makes more. Default 1000. */
  readonly pagesAbove?: number;
  /** Cases that cannot hold here, by id, and why. They are reported as skipped with the reason. */
  readonly skips?: Readonly<Record<string, string>>;
}

export interface ConformanceOptions {
  /** Size of the big object in bytes. Default 100 MiB. */
  readonly bigBytes?: number;
  /** So long the kit waits for an answer that must come at once, before it calls the client stuck. Default 10,000. */
  readonly patienceMs?: number;
  /** Run only these cases, by id. */
  readonly only?: readonly string[];
}

// What a case is: data that any runner can run, a command line can print and a bug report can name.
import type { ReplicaClient } from "@litewake/core/backend";
import type { Subject } from "./subject.ts";

/** What a case cannot do without. `putIfAbsent` and `noPutIfAbsent`: what the client declares. */
export type Need = "putIfAbsent" | "noPutIfAbsent" | "denied" | "secrets" | "gc" | "bigEnough";

export interface ConformanceCase {
  /** Stable, `<verb or theme>.<what>`. */
  readonly id: string;
  /** The promise in one sentence. */
  readonly promise: string;
  readonly needs: readonly Need[];
  run(context: CaseContext): Promise<void>;
}

/** What a running case works with. */
export interface CaseContext {
  readonly subject: Subject;
  /** A client with an empty root. */
  readonly client: ReplicaClient;
  /** Another client, with another empty root. Closed at the end of the case. */
  open(): Promise<ReplicaClient>;
  readonly bigBytes: number;
  readonly patienceMs: number;
  readonly pagesAbove: number;
}

/** A case takes part in the kit under its id; the order is the order of the report. */
export function defineCase(
  id: string,
  promise: string,
  run: (context: CaseContext) => Promise<void>,
  needs: readonly Need[] = [],
): ConformanceCase {
  return { id, promise, needs, run };
}

// What a verification finds, one by one.
import type { Generation } from "../replica/position.ts";

/** Something about a replica that a person should know of. */
export interface Finding {
  /** `damage`: somebody has to see to it. `note`: nothing is lost by it. */
  readonly kind: "damage" | "note";
  readonly generation?: Generation | undefined;
  readonly index?: number | undefined;
  /** Bytes of uncompressed WAL. */
  readonly offset?: number | undefined;
  /** The object, or the one that should be there. */
  readonly key?: string | undefined;
  readonly what: string;
  /** What follows from it for a restore. */
  readonly means: string;
}

/** A finding whose consequences are known only once everything was read. */
export interface RawFinding {
  readonly kind: Finding["kind"];
  readonly index: number;
  readonly offset?: number | undefined;
  readonly key?: string | undefined;
  readonly what: string;
  /** Where it stands in the generation: a place in its segment table, or the snapshot of that index. */
  readonly segment?: number | undefined;
  readonly snapshot?: number | undefined;
  /** Said in place of what follows from the place. */
  readonly means?: string | undefined;
}

/** So many are listed; beyond, they are only counted. */
const LISTED = 10_000;

/** Findings in the order in which they were made, as many as fit. */
export class Findings<T extends { readonly kind: Finding["kind"] }> {
  readonly listed: T[] = [];
  #damaged = 0;
  #count = 0;

  add(finding: T): void {
    this.#count += 1;
    if (finding.kind === "damage") this.#damaged += 1;
    if (this.listed.length < LISTED) this.listed.push(finding);
  }

  get count(): number {
    return this.#count;
  }

  get damaged(): number {
    return this.#damaged;
  }
}

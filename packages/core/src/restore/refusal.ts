// Why a restore is refused: the place in the replica, and the newest point that can still be proved.
import { type FailureKind, LitewakeError } from "../errors.ts";
import type { Generation } from "../replica/position.ts";

/** A place in a replica as far as it is known. */
export interface RefusedPlace {
  readonly generation: Generation;
  readonly index?: number;
  /** Bytes of uncompressed WAL. */
  readonly offset?: number;
}

/** The newest point that nothing speaks against, as far as the replica was looked at. */
export interface ProvablePoint {
  readonly generation: Generation;
  readonly index: number;
  /** Start of the last segment; its length is known only once it is read. */
  readonly offset: number;
  readonly moment: Date;
}

/** What a restore must do without from now on. */
export type Fault =
  | { readonly kind: "snapshot"; readonly generation: Generation; readonly index: number }
  /** The WAL of the generation counts up to the segment before this place only. */
  | { readonly kind: "wal"; readonly generation: Generation; readonly index: number; readonly offset: number };

export interface RefusalOptions {
  readonly fault?: Fault | undefined;
  readonly provable?: ProvablePoint | undefined;
  readonly cause?: unknown;
}

/** A restore was refused because of what the replica holds. Tests and callers go by `kind` and `place`. */
export class RestoreRefusal extends LitewakeError {
  /** What is wrong, without the place. */
  readonly what: string;
  readonly place: RefusedPlace;
  readonly provable: ProvablePoint | undefined;
  /** Undefined where an earlier state would not help, or the listing alone shows it. */
  readonly fault: Fault | undefined;

  constructor(kind: FailureKind, what: string, place: RefusedPlace, options: RefusalOptions = {}) {
    super(kind, `${what}: ${formatPlace(place)}`, {
      ...(options.provable === undefined ? {} : { next: describeProvable(options.provable) }),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.name = "RestoreRefusal";
    this.what = what;
    this.place = place;
    this.provable = options.provable;
    this.fault = options.fault;
  }

  /** The same refusal, naming what can be restored instead. */
  withProvable(provable: ProvablePoint | undefined): RestoreRefusal {
    if (provable === undefined) return this;
    const { fault } = this;
    return new RestoreRefusal(this.kind, this.what, this.place, { fault, provable, cause: this });
  }
}

/** `generation=… index=… offset=…`: index in hexadecimal as in names and flags, offset in decimal bytes. */
export function formatPlace(place: RefusedPlace): string {
  const parts = [`generation=${place.generation}`];
  if (place.index !== undefined) parts.push(`index=${formatIndex(place.index)}`);
  if (place.offset !== undefined) parts.push(`offset=${place.offset}`);
  return parts.join(" ");
}

export function formatIndex(index: number): string {
  return index.toString(16).padStart(8, "0");
}

function describeProvable({ generation, index, offset, moment }: ProvablePoint): string {
  const place = `${generation}/${formatIndex(index)}:${offset}`;
  return `newest point before it: ${place} of ${moment.toISOString()}, which -best-effort restores, or what can be proved of it`;
}

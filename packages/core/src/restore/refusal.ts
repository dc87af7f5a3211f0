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

/** A point up to which no hole is seen. */
export interface ProvablePoint {
  readonly generation: Generation;
  readonly index: number;
  /** Start of the last segment; its length is known only once it is read. */
  readonly offset: number;
  readonly moment: Date;
  /** Set where the whole index is there, so that `-index` reaches exactly this point. */
  readonly wholeIndex: boolean;
}

/** A restore was refused because of what the replica holds. Tests and callers go by `kind` and `place`. */
export class RestoreRefusal extends LitewakeError {
  /** What is wrong, without the place. */
  readonly what: string;
  readonly place: RefusedPlace;
  readonly provable: ProvablePoint | undefined;

  constructor(
    kind: FailureKind,
    what: string,
    place: RefusedPlace,
    options: { readonly provable?: ProvablePoint | undefined; readonly cause?: unknown } = {},
  ) {
    super(kind, `${what}: ${formatPlace(place)}`, {
      ...(options.provable === undefined ? {} : { next: describeProvable(options.provable) }),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.name = "RestoreRefusal";
    this.what = what;
    this.place = place;
    this.provable = options.provable;
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

function describeProvable(point: ProvablePoint): string {
  const place = `${point.generation}/${formatIndex(point.index)}:${point.offset}`;
  const flags = point.wholeIndex
    ? `-generation ${point.generation} -index ${formatIndex(point.index)}`
    : `-generation ${point.generation} -timestamp ${point.moment.toISOString()}`;
  return `newest point that can be proved: ${place} of ${point.moment.toISOString()}, restored with ${flags}`;
}

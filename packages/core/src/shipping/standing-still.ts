// Lets somebody look at a database file that stands still, at a place which a restore reaches exactly.
import { FreezeBroken } from "../database/frozen-copy.ts";
import type { LogPlace } from "../database/epoch.ts";
import { LitewakeError } from "../errors.ts";
import type { Position } from "../replica/position.ts";
import type { DatabaseSession } from "./database-session.ts";
import type { CutPosition, Shipper } from "./shipper.ts";

/** The file, for as long as the look lasts. */
export interface StandingFile {
  /** Open for reading. It must not be read any more when the look is over. */
  readonly descriptor: number;
  /** Bytes of the database; the file may be longer. */
  readonly sizeBytes: number;
  readonly pageSize: number;
}

/** What was seen, and the place whose state that is. */
export interface Seen<T> {
  readonly value: T;
  readonly place: CutPosition;
  /** Whatever was committed before this time is in it. */
  readonly at: Date;
  /** How long no rotation could begin. Milliseconds. */
  readonly heldMs: number;
}

export interface Look<T> {
  readonly session: DatabaseSession;
  readonly shipper: Shipper;
  readonly signal: AbortSignal;
  /** Ends at once, with everything let go of the file, when the signal fires: somebody else needs the hold. */
  readonly work: (file: StandingFile, signal: AbortSignal) => Promise<T>;
}

/** A look that somebody needed the file during. To be tried again later. */
export class LookInterrupted extends Error {
  constructor() {
    super("the database had to be let go");
    this.name = "LookInterrupted";
  }
}

/** Undefined: a restore cannot stop at a place of its own yet. Throws `LookInterrupted` where it must be tried again. */
export async function lookAtStandingFile<T>({
  session,
  shipper,
  signal,
  work,
}: Look<T>): Promise<(Seen<T> & { readonly logPlace: LogPlace }) | undefined> {
  const wanted = new AbortController();
  let place: CutPosition | undefined;
  const held = await session.hold(signal, {
    onHeld: (at) => {
      place = shipper.cutAt(at);
    },
    onWanted: () => wanted.abort(new LookInterrupted()),
  });
  const since = performance.now();
  try {
    if (place === undefined) return undefined;
    const { descriptor, pageSize } = session.database;
    const { sizeBytes, at, epoch, offset } = held;
    const value = await work({ descriptor, sizeBytes, pageSize }, AbortSignal.any([signal, wanted.signal]));
    if (!held.valid()) throw new FreezeBroken();
    return { value, place, at, heldMs: Math.round(performance.now() - since), logPlace: { epoch, offset } };
  } catch (error) {
    if (error instanceof FreezeBroken || (wanted.signal.aborted && !signal.aborted)) throw new LookInterrupted();
    throw error;
  } finally {
    held.release();
  }
}

/** Throws where the place is of a history that has ended meanwhile. */
export function requireSameHistory(path: string, place: CutPosition, reached: Position): void {
  if (reached.generation === place.generation) return;
  throw new LitewakeError("refused", `${path}: a new generation began meanwhile`, { next: "try again" });
}

// The drill itself: the database is restored from its replica as a stranger would, and compared page by page.
import { LitewakeError } from "../errors.ts";
import type { Position } from "../replica/position.ts";
import type { RestorePlan } from "../restore/plan.ts";
import { restore, type ReplicaSource } from "../restore/restore.ts";
import type { ExactPlace } from "../restore/target.ts";
import { differenceFrom, type PageDifference } from "./page-hashes.ts";
import { requireRoom } from "./scratch.ts";

/** What is to be restored, and what it has to be. */
export interface DrillTask {
  readonly place: ExactPlace;
  readonly pageSize: number;
  /** A file of the hashes of all pages at that place (`writePageHashes`). */
  readonly hashes: string;
  /** Where to; it is left there. */
  readonly output: string;
  /** Bytes of the database. */
  readonly sizeBytes: number;
}

export interface DrillProof {
  readonly position: Position;
  readonly pages: number;
  readonly bytesFetched: number;
}

/** Few, so that shipping and the store hardly feel it. */
const PARALLELISM = 4;
/** A segment holds at most so much WAL, up to one transaction. */
const SEGMENT_BYTES = 16 << 20;

/**
 * Throws as `restore`, or kind `damaged` where what is restored is not what the database was; `database` where the disk has
 * no room.
 */
export async function proveRestorable(
  replica: ReplicaSource,
  { place, pageSize, hashes, output, sizeBytes }: DrillTask,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<DrillProof> {
  const { position, pages, bytesFetched } = await restore({
    replicas: [replica],
    output,
    target: { place },
    parallelism: PARALLELISM,
    signal,
    scratch: true,
    onPlan: (plan) => requireRoom(folder, sizeBytes + walBytes(plan)),
  });
  const difference = await differenceFrom(output, hashes, pageSize, signal);
  if (difference !== undefined) throw differs(replica, difference, pages);
  return { position, pages, bytesFetched };
}

/** Bytes of WAL that a plan applies, at most: names tell where each segment begins. */
function walBytes({ segments: { table, first, end } }: RestorePlan): number {
  let bytes = 0;
  for (let at = first; at < end; at++) {
    const isLast = at + 1 === end || table.indexAt(at + 1) !== table.indexAt(at);
    if (isLast) bytes += table.offsetAt(at) + Math.max(SEGMENT_BYTES, table.sizeAt(at));
  }
  return bytes;
}

function differs({ client }: ReplicaSource, { count, pages }: PageDifference, total: number): LitewakeError {
  const named = `${pages.join(", ")}${count > pages.length ? ", …" : ""}`;
  const what = `${count} of ${total} pages are not what the database had there (${count === 1 ? "page" : "pages"} ${named})`;
  return new LitewakeError("damaged", `${client.url} does not bring the database back: ${what}`, {
    next: "take a new snapshot by starting a new generation, and keep the replica for a look",
  });
}

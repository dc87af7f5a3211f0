// What a replica holds, from one listing: generations with their snapshots and segments in numerical order.
import type { CallOptions, ObjectInfo, ReplicaClient } from "../backend/client.ts";
import { LitewakeError } from "../errors.ts";
import { GENERATIONS_PREFIX, isLtxKey, parseKey } from "./layout.ts";
import type { Generation } from "./position.ts";
import { type SegmentRecord, SegmentTable } from "./segment-table.ts";

export type { SegmentRecord };

export interface SnapshotRecord {
  readonly index: number;
  /** Bytes as stored. */
  readonly size: number;
  readonly modifiedAt: Date;
}

/** One history: at least one snapshot or segment. */
export interface GenerationRecord {
  readonly generation: Generation;
  /** In ascending order of index. */
  readonly snapshots: readonly SnapshotRecord[];
  readonly segments: SegmentTable;
  /** The store's date of the oldest object. */
  readonly createdAt: Date;
  /** The store's date of the newest object. */
  readonly updatedAt: Date;
  /** Bytes as stored. */
  readonly sizeBytes: number;
  /** A place that two names claim (`…_00001038` and `…_000001038`): nobody can tell which is right. */
  readonly ambiguous: { readonly index: number; readonly offset: number } | undefined;
}

/**
 * Which of two histories is the newer truth: above 0 if `a` is. It is the one written to last; of equal dates (some stores
 * have whole seconds) the one begun later, and then the first by name, which is how Litestream 0.3.13 decides.
 */
export function compareHistories(a: GenerationRecord, b: GenerationRecord): number {
  const byDate = a.updatedAt.getTime() - b.updatedAt.getTime() || a.createdAt.getTime() - b.createdAt.getTime();
  return byDate || (a.generation < b.generation ? 1 : -1);
}

/** A listing of a replica. */
export interface Catalog {
  /** In order of their names. */
  readonly generations: readonly GenerationRecord[];
  /** Keys under `generations/` that are no names of the layout: temporaries of a crash, or foreign. At most 1000. */
  readonly foreign: readonly string[];
  /** How many such keys there are. */
  readonly foreignCount: number;
  /** Looked for where there is no generation only: the replica holds Litestream 0.5's LTX files (formats.md D1). */
  readonly ltx: boolean;
  /** The store's date of the newest object: a lower bound of the store's clock. */
  readonly newestAt: Date | undefined;
}

const FOREIGN_LIMIT = 1000;
/** Each costs a kilobyte. A replica that is retained has a few, one that never was and was begun anew each hour 8760 a year. */
const GENERATIONS_LIMIT = 100_000;

/**
 * Lists a replica once. Costs one paged listing and about thirty bytes of memory a segment; where there are no
 * generations, up to eleven more listings, each left at its first key.
 */
export async function readCatalog(client: ReplicaClient, options: CallOptions = {}): Promise<Catalog> {
  const builder = new CatalogBuilder();
  for await (const object of client.list(GENERATIONS_PREFIX, options)) builder.add(object);
  return builder.finish(builder.isEmpty && (await holdsLtx(client, options)));
}

/** The catalog of a listing that is at hand already. */
export function catalogOf(objects: Iterable<ObjectInfo>, ltx: boolean = false): Catalog {
  const builder = new CatalogBuilder();
  for (const object of objects) builder.add(object);
  return builder.finish(ltx);
}

const ltxPrefixes = ["ltx/", ...Array.from({ length: 10 }, (_, level) => `000${level}/`)];

/** Whether a replica holds files of Litestream 0.5, in either of its two layouts. Eleven listings at once. */
export async function holdsLtx(client: ReplicaClient, options: CallOptions = {}): Promise<boolean> {
  const found = await Promise.all(ltxPrefixes.map((prefix) => holdsLtxUnder(client, prefix, options)));
  return found.includes(true);
}

async function holdsLtxUnder(client: ReplicaClient, prefix: string, options: CallOptions): Promise<boolean> {
  for await (const { key } of client.list(prefix, options)) {
    if (isLtxKey(key)) return true;
    // `ltx/` may hold a stray name before the first file; the other prefixes are ours to judge by one key.
    if (prefix !== "ltx/") break;
  }
  return false;
}

interface Draft {
  readonly snapshots: SnapshotRecord[];
  readonly segments: SegmentTable;
  createdMs: number;
  updatedMs: number;
  sizeBytes: number;
}

class CatalogBuilder {
  readonly #drafts = new Map<Generation, Draft>();
  readonly #foreign: string[] = [];
  #foreignCount = 0;
  #newestMs = Number.NEGATIVE_INFINITY;

  get isEmpty(): boolean {
    return this.#drafts.size === 0;
  }

  add({ key, size, modifiedAt: stated }: ObjectInfo): void {
    const name = parseKey(key);
    if (name === undefined) {
      if (this.#foreignCount++ < FOREIGN_LIMIT) this.#foreign.push(key);
      return;
    }
    // A date that is none is older than any.
    const ms = Number.isNaN(stated.getTime()) ? 0 : stated.getTime();
    const modifiedAt = new Date(ms);
    const draft = this.#draftOf(name.generation);
    if (name.kind === "snapshot") draft.snapshots.push({ index: name.index, size, modifiedAt });
    else draft.segments.add({ index: name.index, offset: name.offset, size, modifiedAt }, offsetWidth(key));
    draft.createdMs = Math.min(draft.createdMs, ms);
    draft.updatedMs = Math.max(draft.updatedMs, ms);
    draft.sizeBytes += size;
    this.#newestMs = Math.max(this.#newestMs, ms);
  }

  finish(ltx: boolean): Catalog {
    const names = [...this.#drafts.keys()].sort();
    return {
      generations: names.map((generation) => recordOf(generation, this.#draftOf(generation))),
      foreign: this.#foreign,
      foreignCount: this.#foreignCount,
      ltx,
      newestAt: Number.isFinite(this.#newestMs) ? new Date(this.#newestMs) : undefined,
    };
  }

  #draftOf(generation: Generation): Draft {
    let draft = this.#drafts.get(generation);
    if (draft === undefined) {
      if (this.#drafts.size === GENERATIONS_LIMIT) {
        throw new LitewakeError("damaged", `the replica holds more than ${GENERATIONS_LIMIT} generations`, {
          next: "no program of this kind makes so many; see who else may write to it",
        });
      }
      draft = {
        snapshots: [],
        segments: new SegmentTable(generation),
        createdMs: Number.POSITIVE_INFINITY,
        updatedMs: Number.NEGATIVE_INFINITY,
        sizeBytes: 0,
      };
      this.#drafts.set(generation, draft);
    }
    return draft;
  }
}

function recordOf(generation: Generation, draft: Draft): GenerationRecord {
  const segments = draft.segments.sort();
  return {
    generation,
    snapshots: draft.snapshots.sort((a, b) => a.index - b.index),
    segments,
    createdAt: new Date(draft.createdMs),
    updatedAt: new Date(draft.updatedMs),
    sizeBytes: draft.sizeBytes,
    ambiguous: firstAmbiguous(segments),
  };
}

function firstAmbiguous(segments: SegmentTable): { index: number; offset: number } | undefined {
  for (let at = 1; at < segments.length; at++) {
    const index = segments.indexAt(at);
    const offset = segments.offsetAt(at);
    if (index === segments.indexAt(at - 1) && offset === segments.offsetAt(at - 1)) return { index, offset };
  }
  return undefined;
}

function offsetWidth(key: string): number {
  return key.length - ".wal.lz4".length - 1 - key.lastIndexOf("_");
}

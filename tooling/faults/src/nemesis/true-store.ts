// The store as it really is, with every change that was ever made to it: the honest witness of what a nemesis did.
import { type StoredObject, MemoryClient } from "@litewake/conformance";

interface Change {
  readonly key: string;
  /** `undefined`: it was deleted. */
  readonly object: StoredObject | undefined;
}

/** A map that remembers how it came to be. */
class JournaledMap extends Map<string, StoredObject> {
  readonly changes: Change[] = [];

  override set(key: string, object: StoredObject): this {
    this.changes.push({ key, object });
    return super.set(key, object);
  }

  override delete(key: string): boolean {
    if (this.has(key)) this.changes.push({ key, object: undefined });
    return super.delete(key);
  }
}

export interface TrueStoreOptions {
  readonly putIfAbsent: boolean;
  /** The grain of the store's clock: a second on S3. */
  readonly clockGrainMs: number;
}

export class TrueStore extends MemoryClient {
  readonly #journal: JournaledMap;

  constructor({ putIfAbsent, clockGrainMs }: TrueStoreOptions) {
    const objects = new JournaledMap();
    const now = () => new Date(Math.floor(Date.now() / clockGrainMs) * clockGrainMs);
    super({ objects, putIfAbsent, now, chunkBytes: 4096 });
    this.#journal = objects;
  }

  /** How many changes there were so far: a moment of the store. */
  get moment(): number {
    return this.#journal.changes.length;
  }

  /** The objects as they were at a moment. */
  at(moment: number): Map<string, StoredObject> {
    const objects = new Map<string, StoredObject>();
    for (const { key, object } of this.#journal.changes.slice(0, moment)) {
      if (object === undefined) objects.delete(key);
      else objects.set(key, object);
    }
    return objects;
  }

  /** The moments just after something was deleted. */
  deletions(): number[] {
    return this.#journal.changes.flatMap(({ object }, n) => (object === undefined ? [n + 1] : []));
  }

  /**
   * From each moment at which an object became another one, to that of the next generation's first snapshot; the end of the
   * second is open.
   */
  replacements(): { readonly from: number; readonly to: number }[] {
    const { changes } = this.#journal;
    const spans: { from: number; to: number }[] = [];
    const seen = new Map<string, StoredObject>();
    const begun = new Set<string>();
    for (const [n, { key, object }] of changes.entries()) {
      const before = seen.get(key);
      const [generation = ""] = /generations\/[0-9a-f]{16}\/snapshots/.exec(key) ?? [];
      if (object !== undefined && generation !== "" && !begun.has(generation)) {
        begun.add(generation);
        for (const span of spans) span.to = Math.min(span.to, n + 1);
      }
      if (
        key.includes("/wal/") &&
        object !== undefined &&
        before !== undefined &&
        Buffer.compare(object.bytes, before.bytes) !== 0
      )
        spans.push({ from: n + 1, to: Number.POSITIVE_INFINITY });
      if (object === undefined) seen.delete(key);
      else seen.set(key, object);
    }
    return spans;
  }
}

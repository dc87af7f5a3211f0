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

  /** The moments just after something was deleted, and after something was stored under an older name or again. */
  deletions(): number[] {
    return this.#journal.changes.flatMap(({ object }, n) => (object === undefined ? [n + 1] : []));
  }
}

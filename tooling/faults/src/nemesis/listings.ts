// Listings that are not what the store holds: old ones, partial ones, ones out of order, ones with repetitions.
import type { CallOptions, ObjectInfo, ReplicaClient } from "@litewake/core/backend";
import type { Random } from "@litewake-tooling/testkit/random";
import type { Fault } from "./faults.ts";

/** So many listings of a prefix are kept, to be shown again as stale ones. */
const KEPT = 8;
/** Entries of a page, whose order is changed as a whole. */
const PAGE = 5;

export class Listings {
  readonly #inner: ReplicaClient;
  readonly #past = new Map<string, (readonly ObjectInfo[])[]>();

  constructor(inner: ReplicaClient) {
    this.#inner = inner;
  }

  /** The listing as it is shown under this fault. */
  async seen(
    prefix: string,
    fault: Fault | undefined,
    random: Random,
    options: CallOptions,
  ): Promise<readonly ObjectInfo[]> {
    const objects: ObjectInfo[] = [];
    for await (const object of this.#inner.list(prefix, options)) objects.push(object);
    const past = this.#past.get(prefix) ?? [[]];
    this.#past.set(prefix, [...past, objects].slice(-KEPT));
    if (fault === "stale") return past[random.below(past.length)] ?? [];
    if (fault === "partial") return without(objects, random);
    if (fault === "shuffled") return shuffled(objects, random);
    if (fault === "repeated") return objects.flatMap((object) => (random.below(3) === 0 ? [object, object] : [object]));
    return objects;
  }
}

/** Without a run of entries (a page that got lost), or without some here and there. */
function without(objects: readonly ObjectInfo[], random: Random): ObjectInfo[] {
  if (random.below(2) === 0) return objects.filter(() => random.below(4) > 0);
  const from = random.below(objects.length + 1);
  const to = from + 1 + random.below(objects.length);
  return objects.filter((_, n) => n < from || n >= to);
}

/** Pages in another order, and at times what is in them too. */
function shuffled(objects: readonly ObjectInfo[], random: Random): ObjectInfo[] {
  const pages: ObjectInfo[][] = [];
  for (let at = 0; at < objects.length; at += PAGE) pages.push(objects.slice(at, at + PAGE));
  if (random.below(2) === 0) for (const page of pages) mix(page, random);
  return mix(pages, random).flat();
}

function mix<T>(items: T[], random: Random): T[] {
  for (let at = items.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    const [a, b] = [items[at], items[other]];
    if (a === undefined || b === undefined) continue;
    items[at] = b;
    items[other] = a;
  }
  return items;
}

// Carries out a retention plan in two steps: what is not needed any more is marked, and deleted in a run a while later.
import type { ReplicaClient } from "../backend/client.ts";
import { type Catalog, readCatalog } from "./catalog.ts";
import { headlessGenerations } from "./headless.ts";
import type { Generation } from "./position.ts";
import { planRetention, type RetentionRules } from "./retention-plan.ts";
import { step } from "../steps.ts";

export interface RetentionOptions {
  /** Every instant of so long a window stays restorable. Milliseconds. */
  readonly retentionMs: number;
  /** An object is deleted at the earliest so long after it was first found superfluous, so that a restore that runs keeps it. */
  readonly graceMs?: number;
}

export interface RetentionRun extends Pick<RetentionRules, "pins" | "dropped"> {
  readonly current: Generation;
  readonly signal?: AbortSignal;
  /** Marks and counts, deletes nothing. */
  readonly dryRun?: boolean;
}

export interface RetentionResult {
  readonly deleted: number;
  /** Marked, and deleted in a later run. */
  readonly pending: number;
}

const DEFAULT_GRACE_MS = 3_600_000;

/** The retention of one replica. What is marked is known to this object only: after a restart the grace begins anew. */
export class Retention {
  readonly #client: ReplicaClient;
  readonly #retentionMs: number;
  readonly #graceMs: number;
  /** When each key was first found superfluous, on the store's clock. */
  #marked = new Map<string, number>();

  constructor(client: ReplicaClient, options: RetentionOptions) {
    this.#client = client;
    this.#retentionMs = options.retentionMs;
    this.#graceMs = options.graceMs ?? Math.min(DEFAULT_GRACE_MS, options.retentionMs);
  }

  /** One listing; then the deletions that are due. */
  async run({ current, signal, dryRun, ...wanted }: RetentionRun): Promise<RetentionResult> {
    const catalog = await readCatalog(this.#client, { signal });
    const nowMs = storeTime(catalog);
    if (nowMs === undefined) return { deleted: 0, pending: 0 };
    const headless = await headlessGenerations(this.#client, catalog, { signal });
    const batches = planRetention(catalog, { retentionMs: this.#retentionMs, nowMs, current, headless, ...wanted });
    const marked = new Map<string, number>();
    for (const key of batches.flat()) marked.set(key, this.#marked.get(key) ?? nowMs);
    this.#marked = marked;
    step("retention:marked");
    if (dryRun === true) return { deleted: 0, pending: marked.size };
    let deleted = 0;
    for (const batch of batches) {
      const due = batch.filter((key) => nowMs - (marked.get(key) ?? nowMs) >= this.#graceMs);
      if (due.length === 0) continue;
      step("retention:deleting");
      await this.#client.delete(due, { signal });
      step("retention:deleted");
      for (const key of due) marked.delete(key);
      deleted += due.length;
    }
    return { deleted, pending: marked.size };
  }
}

/**
 * A moment that the store's clock has certainly passed: the date of its newest object. The host's clock may be wrong by
 * days; this one can only be late, and then a little more is kept.
 */
function storeTime(catalog: Catalog): number | undefined {
  return catalog.newestAt?.getTime();
}

// This process's part of the chain of renewals: the next number for itself, and what it states with it.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { step } from "../steps.ts";
import type { LeaseHost } from "./lease-host.ts";
import { createLease, leaseKey, type LeaseObject, newestLease } from "./lease-object.ts";
import { LeaseTerm } from "./lease-term.ts";

/** Older renewals are deleted; a few stay for whoever looks. */
const KEPT = 4;
const CLEAN_UP_MS = 3000;

export class LeaseChain {
  /** Asked for everything; the start may ask more patiently. */
  client: ReplicaClient;
  readonly term: LeaseTerm;
  /** See `LeaseTerms`. */
  waiting = false;
  contested = false;
  ending = false;
  /** What the renewals say of their life: while we wait, also the life of the one that we wait for. */
  statedTtlMs: number;
  readonly #ttlMs: number;
  readonly #host: LeaseHost;
  /** When the first try for a number began: the object that is there may come from any of them. */
  #tried = { number: 0, atMs: 0 };
  #cleaning: Promise<void> = Promise.resolve();

  constructor(client: ReplicaClient, ttlMs: number, host: LeaseHost) {
    this.client = client;
    this.#ttlMs = ttlMs;
    this.statedTtlMs = ttlMs;
    this.#host = host;
    this.term = new LeaseTerm(host);
  }

  newest(options: CallOptions): Promise<LeaseObject | undefined> {
    return newestLease(this.client, this.#ttlMs, options);
  }

  isOurs({ owner }: LeaseObject): boolean {
    return owner?.id === this.#host.owner.id;
  }

  /** Takes the number after `before`, whoever that was; false: somebody else has it. */
  async take(before: LeaseObject | undefined, waiting: boolean, options: CallOptions): Promise<boolean> {
    // A try of ours that failed half-way may have left one behind: what it says of others holds.
    if (before === undefined || !this.isOurs(before)) {
      this.contested = before !== undefined && (before.contested || !before.released);
    }
    this.waiting = waiting;
    this.statedTtlMs = Math.max(this.#ttlMs, waiting ? (before?.ttlMs ?? 0) : 0);
    const number = (before?.number ?? 0) + 1;
    const untilMs = await this.#create(number, options);
    if (untilMs === undefined) return false;
    // Whoever paused since it looked may have been given the number of a renewal that was deleted long ago.
    const newest = await this.newest(options);
    if (newest === undefined || newest.number <= number) {
      this.term.renewed(number, untilMs);
      return true;
    }
    await this.disown([number]);
    return false;
  }

  /** Renews; what comes back is the renewal of somebody else who has taken over. */
  async renew(options: CallOptions): Promise<LeaseObject | undefined> {
    const { number, untilMs: before } = this.term;
    const untilMs = await this.#create(number + 1, options);
    if (untilMs !== undefined && this.#host.now() < before) {
      this.term.renewed(number + 1, untilMs);
      return undefined;
    }
    // After a pause this may be the number of somebody else's renewal that was deleted long ago. Or one of ours was stored
    // although its answer was lost.
    const found = await this.newest(options);
    if (found !== undefined && !this.isOurs(found)) {
      // Taken away, it tells whoever took the lease that we know; but not while somebody before us may not know yet.
      await this.disown([...(this.waiting ? [] : [number]), ...(untilMs === undefined ? [] : [number + 1])]);
      return found;
    }
    const reached = found?.number ?? number + 1;
    this.term.renewed(reached, this.#tried.number === reached ? this.#tried.atMs + this.#ttlMs : before);
    return undefined;
  }

  /** Hands it over. Best effort. */
  async release(signal: AbortSignal): Promise<void> {
    const { number } = this.term;
    if (number > 0) {
      // A renewal that was broken off may have been stored all the same.
      const done = await this.#create(number + 1, { signal }, true);
      if (done === undefined) await this.#create(number + 2, { signal }, true);
    }
  }

  /** Ends our term, and takes objects of ours away. */
  async disown(numbers: readonly number[]): Promise<void> {
    this.term.end();
    if (numbers.length > 0) await this.#delete(numbers);
  }

  /** Nothing of ours is under way any more. */
  async quiet(): Promise<void> {
    await this.#cleaning;
  }

  /** When the term would end that it begins; undefined: somebody has the number. */
  async #create(number: number, options: CallOptions, released = false): Promise<number | undefined> {
    const began = this.#host.now();
    if (this.#tried.number !== number) this.#tried = { number, atMs: began };
    const { waiting, contested, ending, statedTtlMs: ttlMs } = this;
    const terms = { owner: this.#host.owner, ttlMs, released, ending, waiting, contested };
    if (!(await createLease(this.client, number, terms, options))) return undefined;
    step("lease:taken");
    // Not while the one before us may still renew: a number that was deleted could be given to it. And not waited for: a
    // store that hangs here must not hold up the next renewal.
    if (number > KEPT && !waiting) this.#cleaning = this.#delete(upTo(number - KEPT));
    return began + this.#ttlMs;
  }

  async #delete(numbers: readonly number[]): Promise<void> {
    await this.client.delete(numbers.map(leaseKey), { signal: this.#host.timeout(CLEAN_UP_MS) }).catch(() => {});
  }
}

/** With those that were left while somebody waited. */
function upTo(last: number): number[] {
  const first = Math.max(1, last - KEPT + 1);
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}

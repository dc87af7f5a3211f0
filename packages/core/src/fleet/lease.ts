// The lease: at most one process writes to a replica root. Each renewal is an object of its own, created if absent, so that
// of two processes only one can have the next one.
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { overriding } from "../backend/overriding.ts";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { OWN_PREFIX } from "../replica/layout.ts";
import { createOwn, readOwn } from "../replica/own-object.ts";
import { step } from "../steps.ts";
import { describeOwner, isDead, type Owner, thisOwner } from "./owner.ts";

export interface LeaseOptions {
  readonly client: ReplicaClient;
  /** The same store, asked again when it does not answer: for the start. Default: `client`. */
  readonly patientClient?: ReplicaClient | undefined;
  /** So long after its last renewal a lease counts as abandoned. Milliseconds. */
  readonly ttlMs: number;
  /** Take it from whoever holds it, without waiting. */
  readonly takeOver?: boolean | undefined;
  readonly logger: Logger;
}

interface Held {
  readonly number: number;
  /** `performance.now()` at which it ends: counted from before the request that made it. */
  readonly untilMs: number;
}

interface Found {
  readonly number: number;
  readonly key: string;
  readonly modifiedAt: Date;
  readonly owner: Owner | undefined;
  readonly ttlMs: number;
  readonly released: boolean;
  /** Its owner is on its way out: it ships what is left. */
  readonly ending: boolean;
}

const LEASES = `${OWN_PREFIX}lease/`;
const PROBES = `${OWN_PREFIX}probe/`;
/** Renewed so many times within its life. */
const RENEWALS = 3;
/** Older renewals are deleted; a few stay for whoever looks. */
const KEPT = 4;
const POLL_MS = 500;
/** A store that is away holds nobody up who wants to end. */
const RELEASE_MS = 3000;

function leaseKey(number: number): string {
  return `${LEASES}${String(number).padStart(12, "0")}.json`;
}

export class Lease {
  readonly #options: LeaseOptions;
  readonly #owner: Owner = thisOwner();
  readonly #stop = new AbortController();
  #held: Held | undefined;
  #lost: LitewakeError | undefined;
  #renewing: Promise<void> = Promise.resolve();
  #ending = false;
  #via: ReplicaClient;
  /** The store ignores the condition, or has none: nothing can be held, and nothing is refused. */
  #unsupported = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#via = options.client;
  }

  /**
   * Resolves once this process holds the lease, and keeps it from then on. Waits out an owner that does not renew; throws
   * kind `refused`, naming the owner, when it does. Failures of the store are thrown as they are.
   */
  async acquire(signal: AbortSignal): Promise<void> {
    this.#via = this.#options.patientClient ?? this.#options.client;
    try {
      await this.#acquire(signal);
    } finally {
      this.#via = this.#options.client;
    }
    if (this.#held !== undefined) this.#renewing = this.#renew();
  }

  /**
   * As `acquire`, but a store that does not answer is asked again for as long as it takes, while `require` throws. What
   * refuses the lease is thrown by `require` from then on.
   */
  async acquireEventually(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#acquire(signal);
        if (this.#held !== undefined) this.#renewing = this.#renew();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof LitewakeError) {
          this.#lost = error;
          this.#options.logger("error", error.message);
          return;
        }
        await sleep(POLL_MS * 2, undefined, { signal, ref: false }).catch(() => {});
      }
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#options;
    const nowOfStore = await this.#probe(signal);
    step("lease:probed");
    if (nowOfStore === undefined) {
      this.#unsupported = true;
      logger(
        "warn",
        "the store cannot put an object only if it is absent, so nothing keeps a second process from writing to this replica",
        { url: client.url },
      );
      return;
    }
    const started = performance.now();
    let first: Found | undefined;
    for (;;) {
      const found = await this.#newest(signal);
      if (found === undefined || this.#isFree(found)) {
        if (!(await this.#create((found?.number ?? 0) + 1, signal))) continue;
        if (found !== undefined && this.#mayBeAlive(found)) await this.#untilNoticed(found, signal);
        break;
      }
      first ??= found;
      if (found.number !== first.number && !found.ending) throw this.#refusal(found);
      const ageMs = nowOfStore.getTime() - found.modifiedAt.getTime() + (performance.now() - started);
      const leftMs = found.ttlMs - ageMs;
      if (leftMs <= 0) {
        logger("warn", "the lease of another process has run out; it is taken over", {
          owner: first.owner === undefined ? "unknown" : describeOwner(first.owner),
        });
        if (await this.#create(found.number + 1, signal)) break;
        throw this.#refusal((await this.#newest(signal)) ?? found);
      }
      if (found === first) {
        logger("info", "another process holds the lease of this replica; waiting until it runs out", {
          owner: first.owner === undefined ? "unknown" : describeOwner(first.owner),
          seconds: Math.ceil(leftMs / 1000),
        });
      }
      await sleep(Math.min(POLL_MS, leftMs + 1), undefined, { signal });
    }
  }

  /** A live owner learns of it when it renews: from then on it starts no request, and what it has shipped is all there. */
  async #untilNoticed({ owner, ttlMs }: Found, signal: AbortSignal): Promise<void> {
    const waitMs = (ttlMs / RENEWALS) * 1.3;
    this.#options.logger("warn", "the lease was taken over; waiting until its owner has noticed", {
      owner: owner === undefined ? "unknown" : describeOwner(owner),
      seconds: Math.ceil(waitMs / 1000),
    });
    await sleep(waitMs, undefined, { signal });
  }

  #mayBeAlive({ released, owner }: Found): boolean {
    return !released && owner?.id !== this.#owner.id && !(owner !== undefined && isDead(owner));
  }

  #isFree(found: Found): boolean {
    return this.#options.takeOver === true || !this.#mayBeAlive(found);
  }

  /** Throws unless a request may be started now: kind `refused` for good, else a failure that may be tried again. */
  require(operation: "put" | "delete", key?: string): void {
    if (this.#unsupported) return;
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#held !== undefined && performance.now() < this.#held.untilMs) return;
    throw new ReplicaError({
      code: "Unavailable",
      operation,
      key,
      reason: "the lease of this replica could not be renewed yet",
    });
  }

  async #renew(): Promise<void> {
    const { ttlMs, logger } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      await sleep(ttlMs / RENEWALS, undefined, { signal, ref: false }).catch(() => {});
      const held = this.#held;
      if (signal.aborted || held === undefined) return;
      try {
        const limited = AbortSignal.any([signal, AbortSignal.timeout(ttlMs / 2)]);
        if (!(await this.#create(held.number + 1, limited)) && !(await this.#isOurs(limited))) return;
      } catch (error) {
        if (signal.aborted) return;
        logger("warn", "the lease could not be renewed", {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    }
  }

  /** A renewal of ours may have been stored although its answer was lost. */
  async #isOurs(signal: AbortSignal): Promise<boolean> {
    const found = await this.#newest(signal);
    if (found === undefined) return true;
    if (found.owner?.id === this.#owner.id) {
      this.#held = { number: found.number, untilMs: this.#held?.untilMs ?? 0 };
      return true;
    }
    const by = found.owner === undefined ? "another process" : describeOwner(found.owner);
    this.#lost = new LitewakeError("refused", `the lease of ${this.#options.client.url} was taken over by ${by}`, {
      next: "this process writes nothing more; stop one of the two",
    });
    this.#options.logger("error", this.#lost.message);
    return false;
  }

  async #create(number: number, signal: AbortSignal, released = false): Promise<boolean> {
    const { ttlMs } = this.#options;
    const client = this.#via;
    const began = performance.now();
    const done = await createOwn(
      client,
      leaseKey(number),
      { version: 1, owner: { ...this.#owner }, ttlMs, released, ending: this.#ending },
      { signal },
    );
    if (!done) return false;
    step("lease:taken");
    this.#held = { number, untilMs: began + ttlMs };
    if (number > KEPT) await client.delete([leaseKey(number - KEPT)], { signal }).catch(() => {});
    return true;
  }

  #newest(signal: AbortSignal): Promise<Found | undefined> {
    return newestLease(this.#via, this.#options.ttlMs, { signal });
  }

  // Put twice: some stores take the condition and ignore it. The answer is a moment of the store's clock.
  async #probe(signal: AbortSignal): Promise<Date | undefined> {
    const client = this.#via;
    if (!client.capabilities.putIfAbsent) return undefined;
    const key = `${PROBES}${this.#owner.id}.json`;
    const body = new TextEncoder().encode("{}\n");
    let heeded: Date | undefined;
    try {
      const { modifiedAt } = await client.put(key, body, { ifAbsent: true, signal });
      await client.put(key, body, { ifAbsent: true, signal }).catch((error: unknown) => {
        if (!ReplicaError.is(error, "Conflict")) throw error;
        heeded = modifiedAt;
      });
      return heeded;
    } catch (error) {
      // The key is this process's own: its first put was stored, the answer got lost, and the client has tried again.
      if (!ReplicaError.is(error, "Conflict")) throw error;
      for await (const object of client.list(key, { signal })) return object.modifiedAt;
      throw error;
    } finally {
      await client.delete([key], { signal }).catch(() => {});
    }
  }

  #refusal(found: Found): LitewakeError {
    const { url } = this.#options.client;
    const who = found.owner === undefined ? "another process" : describeOwner(found.owner);
    return new LitewakeError("refused", `${url} is written to by ${who}, which is alive`, {
      next: "stop that one first, or take over from it with -take-over",
    });
  }

  /** Says that this process ships what is left and goes: whoever waits for the lease need not give up. Best effort. */
  async announceEnd(): Promise<void> {
    const held = this.#held;
    this.#ending = true;
    if (held === undefined || this.#lost !== undefined || this.#unsupported) return;
    await this.#create(held.number + 1, AbortSignal.timeout(RELEASE_MS)).catch(() => {});
  }

  /** Gives the lease up, so that the next process need not wait. Best effort. */
  async release(options: CallOptions = {}): Promise<void> {
    this.#stop.abort();
    await this.#renewing;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined || this.#lost !== undefined) return;
    await this.#create(held.number + 1, options.signal ?? AbortSignal.timeout(RELEASE_MS), true).catch(() => {});
    this.#held = undefined;
  }
}

/** The lease as it was renewed last; undefined: there is none. `ttlMs` is for one that does not say. */
async function newestLease(client: ReplicaClient, ttlMs: number, options: CallOptions): Promise<Found | undefined> {
  let newest: { key: string; modifiedAt: Date } | undefined;
  for await (const object of client.list(LEASES, options)) newest = object;
  if (newest === undefined) return undefined;
  const number = Number(newest.key.slice(LEASES.length, -".json".length));
  const value = (await readOwn(client, newest.key, options)) ?? {};
  const owner = isOwner(value["owner"]) ? value["owner"] : undefined;
  const given = typeof value["ttlMs"] === "number" ? value["ttlMs"] : ttlMs;
  const [released, ending] = [value["released"] === true, value["ending"] === true];
  return { ...newest, number, owner, ttlMs: given, released, ending };
}

/** Who holds the lease, or held it last. */
export interface LeaseHolder {
  /** `process 12 on host`; null: the lease does not say. */
  readonly owner: string | null;
  readonly renewedAt: Date;
  /** It was given up in order. */
  readonly released: boolean;
}

/** Looks and changes nothing; undefined: there is no lease. Throws as a start would: `damaged` or `refused` for what is none. */
export async function lookAtLease(client: ReplicaClient, options: CallOptions = {}): Promise<LeaseHolder | undefined> {
  const found = await newestLease(client, 0, options);
  if (found === undefined) return undefined;
  const { owner, modifiedAt, released } = found;
  return { owner: owner === undefined ? null : describeOwner(owner), renewedAt: modifiedAt, released };
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== "object" || value === null) return false;
  const { id, host, pid, space, began } = value as Record<string, unknown>;
  return [id, host, space, began].every((part) => typeof part === "string") && typeof pid === "number";
}

/** A client that starts no put and no delete unless the lease is held. */
export function leased(client: ReplicaClient, lease: Lease): ReplicaClient {
  return overriding(client, {
    put: async (key, body, options) => {
      lease.require("put", key);
      return client.put(key, body, options);
    },
    delete: async (keys, options) => {
      lease.require("delete");
      return client.delete(keys, options);
    },
  });
}

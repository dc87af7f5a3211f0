// The lease: at most one process writes to a replica root. Each renewal is an object of its own, created if absent, so that
// of two processes only one can have the next one.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { step } from "../steps.ts";
import { LeaseChain } from "./lease-chain.ts";
import { type LeaseHost, thisHost } from "./lease-host.ts";
import { type LeaseObject, probeStore } from "./lease-object.ts";
import { nameOf, takeOver, untilGone } from "./lease-take-over.ts";

export interface LeaseOptions {
  readonly client: ReplicaClient;
  /** The same store, asked again when it does not answer: for the start. Default: `client`. */
  readonly patientClient?: ReplicaClient | undefined;
  /** So long after its last renewal a lease counts as abandoned. Milliseconds. */
  readonly ttlMs: number;
  /** Take it from whoever holds it, and wait only until that one has noticed or may write no more. */
  readonly takeOver?: boolean | undefined;
  readonly logger: Logger;
  /** Default: this process. */
  readonly host?: LeaseHost | undefined;
}

/** Renewed so many times within its life. */
const RENEWALS = 3;
/** What failed is tried again so many times within the life. */
const HASTY_RENEWALS = 12;
const RETRY_MS = 1000;
/** A store that is away holds nobody up who wants to end. */
const RELEASE_MS = 3000;

export class Lease {
  readonly #options: LeaseOptions;
  readonly #host: LeaseHost;
  readonly #chain: LeaseChain;
  readonly #stop = new AbortController();
  #lost: LitewakeError | undefined;
  /** Nobody before us writes any more. */
  #active = false;
  #renewal = new AbortController();
  #renewing: Promise<void> = Promise.resolve();
  #acquiring: Promise<void> = Promise.resolve();
  /** The store ignores the condition, or has none: nothing can be held, and nothing is refused. */
  #unsupported = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#host = options.host ?? thisHost();
    this.#chain = new LeaseChain(options.client, options.ttlMs, this.#host);
  }

  /**
   * Whether a request of an owner before may still be under way. Then what it was about to write is fenced off before
   * history goes on. Until `settled`.
   */
  get contested(): boolean {
    return this.#chain.contested;
  }

  /** Nothing that is still under way can change the history any more: whoever comes next need not see to it. */
  settled(): void {
    this.#chain.contested = false;
  }

  /**
   * Resolves once this process holds the lease, and keeps it from then on. Waits out an owner that does not renew; throws
   * kind `refused`, naming the owner, when it does. Failures of the store are thrown as they are.
   */
  async acquire(signal: AbortSignal): Promise<void> {
    const { client, patientClient = client } = this.#options;
    this.#chain.client = patientClient;
    try {
      await this.#acquire(AbortSignal.any([signal, this.#stop.signal]));
    } finally {
      this.#chain.client = client;
    }
  }

  /**
   * As `acquire`, but a store that does not answer is asked again for as long as it takes, while `require` throws. What
   * refuses the lease is thrown by `require` from then on.
   */
  acquireEventually(): Promise<void> {
    this.#acquiring = this.#acquireEventually();
    return this.#acquiring;
  }

  async #acquireEventually(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#acquire(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof LitewakeError) {
          this.#lost = error;
          this.#options.logger("error", error.message);
          return;
        }
        await this.#host.sleep(RETRY_MS, signal, "idle").catch(() => {});
      }
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const { ttlMs, takeOver: force = false, logger } = this.#options;
    const chain = this.#chain;
    const { client } = chain;
    const date = await probeStore(client, { signal });
    step("lease:probed");
    if (date === undefined) {
      this.#unsupported = true;
      const what =
        "the store cannot put an object only if it is absent, so nothing keeps a second process from writing to this replica";
      return logger("warn", what, { url: client.url });
    }
    const storeClock = { date, atMs: this.#host.now() };
    const taking = { chain, force, logger, host: this.#host, storeClock };
    try {
      const predecessor = await takeOver(taking, signal);
      // Renewed while it waits: another one that comes meanwhile must not think that nobody is here.
      this.#renewal = new AbortController();
      this.#renewing = this.#keepRenewing(AbortSignal.any([this.#stop.signal, this.#renewal.signal]));
      if (predecessor !== undefined) {
        await untilGone(predecessor, taking, { signal, isLost: () => this.#lost !== undefined });
        if (this.#lost !== undefined) throw this.#lost;
        chain.waiting = false;
        chain.statedTtlMs = ttlMs;
        // Said at once: whoever follows need not wait for what is over.
        await this.#renew(signal);
      }
      this.#active = true;
    } catch (error) {
      await this.#giveUp(this.#host.timeout(RELEASE_MS));
      throw error;
    }
  }

  /** Throws unless a request may be started now: kind `refused` for good, else a failure that may be tried again. */
  require(operation: "put" | "delete", key?: string): void {
    if (this.#unsupported) return;
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#active && !this.#chain.term.isOver) return;
    const reason = "the lease of this replica could not be renewed yet";
    throw new ReplicaError({ code: "Unavailable", operation, key, reason });
  }

  /** Calls back when the lease is over or lost; what comes back forgets that. */
  onEnd(call: () => void): () => void {
    return this.#chain.term.onEnd(call);
  }

  async #keepRenewing(signal: AbortSignal): Promise<void> {
    const { ttlMs, logger } = this.#options;
    let pauseMs = ttlMs / RENEWALS;
    for (;;) {
      await this.#host.sleep(pauseMs, signal, "idle").catch(() => {});
      if (signal.aborted || this.#lost !== undefined) return;
      try {
        await this.#renew(AbortSignal.any([signal, this.#host.timeout(ttlMs / 2)]));
        pauseMs = ttlMs / RENEWALS;
      } catch (error) {
        if (signal.aborted) return;
        pauseMs = ttlMs / HASTY_RENEWALS;
        const reason = error instanceof Error ? error.message : String(error);
        logger("warn", "the lease could not be renewed", { error: reason });
      }
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const rival = await this.#chain.renew({ signal });
    if (rival !== undefined) this.#lose(rival);
  }

  #lose({ owner }: LeaseObject): void {
    const { client, logger } = this.#options;
    this.#lost ??= new LitewakeError("refused", `the lease of ${client.url} was taken over by ${nameOf(owner)}`, {
      next: "this process writes nothing more; stop one of the two",
    });
    logger("error", this.#lost.message);
  }

  /** Says that this process ships what is left and goes: whoever waits for the lease need not give up. Best effort. */
  async announceEnd(): Promise<void> {
    this.#chain.ending = true;
    if (!this.#active || this.#lost !== undefined) return;
    await this.#renew(this.#host.timeout(RELEASE_MS)).catch(() => {});
  }

  /**
   * Gives the lease up, so that the next process need not wait. Best effort. Not `clean`: a request of ours may still be
   * under way.
   */
  async release({ clean = true, signal }: CallOptions & { readonly clean?: boolean } = {}): Promise<void> {
    this.#stop.abort();
    await this.#acquiring;
    if (!clean) this.#chain.contested = true;
    await this.#giveUp(signal ?? this.#host.timeout(RELEASE_MS));
  }

  async #giveUp(signal: AbortSignal): Promise<void> {
    // Before it is said: whoever reads it may write at once.
    this.#active = false;
    this.#renewal.abort();
    await this.#renewing;
    if (this.#lost === undefined) await this.#chain.release(signal).catch(() => {});
    await this.#chain.disown([]);
    await this.#chain.quiet();
  }
}

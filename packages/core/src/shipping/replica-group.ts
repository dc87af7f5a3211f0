// The replicas of one database while it is followed: they ship side by side, and none waits for another.
import { setTimeout as sleep } from "node:timers/promises";
import type { LogPlace } from "../database/epoch.ts";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Position } from "../replica/position.ts";
import type { DatabaseSession } from "./database-session.ts";
import { ReplicaShipping, type ReplicaStatus, type ReplicaTarget } from "./replica-shipping.ts";
import type { CutPosition, Shipper } from "./shipper.ts";

/** A place of a database's log at which a restore can stop, in each of its replicas. */
export interface DatabaseCut {
  readonly path: string;
  /** In the order of the configuration. */
  readonly positions: readonly CutPosition[];
  /** Resolves when every replica has acknowledged it; rejects when one never will. */
  durable(signal: AbortSignal): Promise<void>;
}

export interface ReplicaGroupOptions {
  readonly path: string;
  readonly session: DatabaseSession;
  readonly targets: readonly ReplicaTarget[];
  readonly logger: Logger;
  /** A replica has ended, for good or since it was told to. */
  readonly onEnded: () => void;
}

const STOP_SHIPPING_MS = 5000;

/** At work from the start on, until `stop`. */
export class ReplicaGroup {
  readonly #options: ReplicaGroupOptions;
  readonly #shippings: readonly ReplicaShipping[];
  readonly #runs: readonly Promise<void>[];

  constructor(options: ReplicaGroupOptions) {
    this.#options = options;
    this.#shippings = options.targets.map((target) => new ReplicaShipping(target, options.session));
    this.#runs = this.#shippings.map((shipping) => shipping.run().finally(options.onEnded));
  }

  get status(): readonly ReplicaStatus[] {
    return this.#shippings.map((shipping) => shipping.status);
  }

  get shippers(): readonly Shipper[] {
    return this.#shippings.map(({ shipper }) => shipper);
  }

  /** That of the first replica which has failed for good. */
  get failure(): unknown {
    return this.#shippings.map((shipping) => shipping.failure).find((error) => error !== undefined);
  }

  get haveAllFailed(): boolean {
    return this.#shippings.length > 0 && this.#shippings.every(({ failure }) => failure !== undefined);
  }

  /** Whether nothing is to be done until the log grows. */
  get isIdle(): boolean {
    return this.#shippings.every((shipping) => shipping.isIdle);
  }

  /** Whether each was reached, or has failed to be: one that is down must not hold up the others, or the application. */
  get isSettled(): boolean {
    return this.#shippings.every(({ status, isBegun }) => isBegun || status.state !== "starting");
  }

  named(name: string): ReplicaShipping | undefined {
    return this.#shippings.find(({ target }) => target.name === name);
  }

  /** Something may be there to ship. */
  notify(): void {
    for (const shipping of this.#shippings) shipping.notify();
  }

  /** Resolves when every replica has acknowledged the log up to `place`. */
  shipped(place: LogPlace): Promise<Position[]> {
    return Promise.all(this.#shippings.map((shipping) => shipping.shipped(place)));
  }

  /** A cut at the log's end, which must be there at this moment. Undefined: a replica is not far enough. */
  cutAt(place: LogPlace): DatabaseCut | undefined {
    const { path } = this.#options;
    const positions = this.shippers.map((shipper) => shipper.cutAt(place)).filter((position) => position !== undefined);
    if (positions.length < this.#shippings.length) return undefined;
    const durable = async (): Promise<void> => {
      const reached = await this.shipped(place);
      const lost = reached.findIndex(({ generation }, n) => generation !== positions[n]?.generation);
      if (lost >= 0)
        throw new LitewakeError("refused", `${path}: a new generation began meanwhile`, { next: "try again" });
    };
    return { path, positions, durable: (signal) => unlessLate(durable(), signal, () => this.lateLine) };
  }

  /** Lets go, loudly, of a replica for whose sake the WAL has grown to `limit` bytes. */
  enforceMaxWal(limit: number): void {
    const { session, logger } = this.#options;
    if (session.follower.logBytes < limit || session.isPinnedByOthers()) return;
    for (const { shipper, isBegun, target } of this.#shippings) {
      if (shipper.isReleased || !isBegun || shipper.heldBackBytes < limit / 2) continue;
      logger("error", "the WAL has reached max-wal; this replica is let go and gets a new generation later", {
        replica: target.name,
        pendingBytes: shipper.pendingBytes,
        maxWal: limit,
      });
      shipper.release("the replica fell behind by more than max-wal");
    }
  }

  /** What is not shipped, for a person. */
  get lateLine(): string {
    const late = this.#shippings.filter(({ shipper }) => shipper.isPending);
    const parts = late.map(
      ({ status }) => `${status.url} (${status.pendingBytes} bytes, ${status.error ?? status.state})`,
    );
    return `${this.#options.path} is not fully shipped to ${parts.join(", ")}`;
  }

  /** Afterwards nothing reads the log any more; a call that does not heed its signal is not waited for long. */
  async stop(): Promise<void> {
    for (const shipping of this.#shippings) shipping.stop();
    const late = new AbortController();
    await Promise.race([
      Promise.allSettled(this.#runs),
      sleep(STOP_SHIPPING_MS, undefined, { signal: late.signal }).catch(() => {}),
    ]);
    late.abort();
  }
}

/** The work, unless the signal fires before: then it rejects with what is not shipped. */
export function unlessLate<T>(work: Promise<T>, signal: AbortSignal, line: () => string): Promise<T> {
  const late = new Promise<never>((_resolve, reject) => {
    const next = "it stays in the WAL and is shipped at the next start";
    const fail = () => reject(new LitewakeError("unreachable", line(), { next }));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
  return Promise.race([work, late]);
}

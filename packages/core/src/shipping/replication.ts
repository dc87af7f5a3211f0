// Replication of several databases by one process.
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Position } from "../replica/position.ts";
import { holdAll } from "./barrier.ts";
import { type DatabaseReplication, DatabaseReplicator, type DatabaseStatus } from "./database-replication.ts";
import type { DatabaseCut } from "./replica-group.ts";
import { SnapshotLimits } from "./snapshot-limits.ts";
import type { Look, Seen } from "./standing-still.ts";

export type { DatabaseReplication, DatabaseStatus } from "./database-replication.ts";
export type { ReplicaState, ReplicaStatus, ReplicaTarget } from "./replica-shipping.ts";

export interface ReplicationOptions {
  readonly databases: readonly DatabaseReplication[];
  readonly logger: Logger;
  /** Allow a new generation although the local database is empty or older than what was shipped. */
  readonly newHistory?: boolean | undefined;
  /** A database that cannot be followed is told of, and the others go on; one that is refused still stops the start. */
  readonly tolerant?: boolean | undefined;
}

/** One moment over all databases. */
export interface ConsistentCut {
  readonly databases: readonly DatabaseCut[];
  /** How long writers may have been held. Milliseconds. */
  readonly heldMs: number;
}

/** A place that a replica has acknowledged. */
export interface SyncedDatabase {
  readonly path: string;
  /** One for each replica, in the order of the configuration; none for a database that is not there yet. */
  readonly positions: readonly Position[];
}

const STOP_DEADLINE_MS = 30_000;
/** All write locks must be had within so long, or none is kept. */
const BARRIER_MS = 50;

/** Databases being followed and shipped. Ends by `stop`, which ships what is left. */
export class Replication implements AsyncDisposable {
  /** Resolves when nothing is left that can be shipped. One failed replica among several does not stop the others. */
  readonly givenUp: Promise<void>;
  readonly #context: ConstructorParameters<typeof DatabaseReplicator>[1];
  readonly #snapshots = new Map<string, SnapshotLimits>();
  #databases: readonly DatabaseReplicator[];

  private constructor(options: ReplicationOptions) {
    let giveUp: () => void = () => {};
    this.givenUp = new Promise((resolve) => {
      giveUp = resolve;
    });
    const onChange = () => {
      if (this.#databases.length > 0 && this.#databases.every((database) => database.isGivenUp)) giveUp();
    };
    const context = { logger: options.logger, newHistory: options.newHistory ?? false, onChange };
    this.#context = context;
    this.#databases = options.databases.map((database) => this.#replicator(database));
  }

  #replicator(database: DatabaseReplication): DatabaseReplicator {
    const replicas = database.replicas.map((target) => ({
      ...target,
      snapshots: this.#snapshotsTo(target.client.url),
    }));
    return new DatabaseReplicator({ ...database, replicas }, this.#context);
  }

  #snapshotsTo(url: string): SnapshotLimits {
    const { protocol = "", host = "" } = URL.parse(url) ?? {};
    const store = `${protocol}//${host}`;
    const limits = this.#snapshots.get(store) ?? new SnapshotLimits();
    this.#snapshots.set(store, limits);
    return limits;
  }

  /**
   * Starts to follow every database. Resolves when each replica was reached, or has failed for a reason that a retry may
   * mend; rejects, with everything stopped again, when a database or a replica is refused.
   */
  static async start(options: ReplicationOptions): Promise<Replication> {
    const replication = new Replication(options);
    const results = await Promise.allSettled(replication.#databases.map((database) => database.start()));
    const failures = [
      ...results.flatMap((result): unknown[] => (result.status === "rejected" ? [result.reason] : [])),
      replication.failure,
    ];
    const failure = failures.find(
      (error) => error !== undefined && !(options.tolerant === true && isOfOneDatabase(error)),
    );
    if (failure === undefined) return replication;
    await replication.stop({ signal: AbortSignal.abort() }).catch(() => {});
    throw failure;
  }

  /** Follows one more database from now on. Rejects, and does not follow it, when it is refused. */
  async add(database: DatabaseReplication): Promise<void> {
    const replicator = this.#replicator(database);
    this.#databases = [...this.#databases, replicator];
    try {
      await replicator.start();
    } catch (error) {
      this.#databases = this.#databases.filter((other) => other !== replicator);
      throw error;
    }
  }

  /** Ships what is left of a database and lets it go. No such database is no error. */
  async remove(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const gone = this.#databases.find((database) => database.path === path);
    if (gone === undefined) return;
    this.#databases = this.#databases.filter((database) => database !== gone);
    await gone.stop(options.signal ?? AbortSignal.timeout(STOP_DEADLINE_MS));
  }

  /**
   * One moment over all databases that are there: every write lock is held while the places are read. Undefined: the locks
   * were not had in time, a database is there and not followed yet, or a replica cannot be restored to this place yet.
   */
  cut(): ConsistentCut | undefined {
    // Without it the moment would not be whole, and a restore would take it for a database that did not exist.
    if (this.#databases.some((database) => database.isAwaited)) return undefined;
    const databases = this.#databases.filter((database) => database.isFollowing);
    const barrier = holdAll(databases, BARRIER_MS, () => databases.map((database) => database.cut()));
    if (barrier === undefined) return undefined;
    const cuts = barrier.value.filter((cut) => cut !== undefined);
    return cuts.length < databases.length ? undefined : { databases: cuts, heldMs: barrier.heldMs };
  }

  /** As `DatabaseReplicator.look`, of the database at `path`; undefined also where there is none. */
  async look<T>(
    path: string,
    replica: string,
    signal: AbortSignal,
    work: Look<T>["work"],
  ): Promise<Seen<T> | undefined> {
    return this.#databases.find((database) => database.path === path)?.look(replica, signal, work);
  }

  /** Changes with every commit that was seen in any database; empty while there is none. */
  get seenPlaces(): string {
    const there = this.#databases.filter((database) => database.isFollowing);
    return there.map((database) => `${database.path} ${database.seenPlace}`).join("\n");
  }

  get status(): readonly DatabaseStatus[] {
    return this.#databases.map((database) => database.status);
  }

  /** The first failure that no retry can mend; `undefined` while all is well or may become so. */
  get failure(): unknown {
    return this.#databases.map((database) => database.failure).find((error) => error !== undefined);
  }

  /** Resolves when every replica has acknowledged what is committed in each database at the time of the call. */
  async sync(options: { readonly signal?: AbortSignal } = {}): Promise<SyncedDatabase[]> {
    return Promise.all(
      this.#databases.map(async (database) => ({
        path: database.path,
        positions: await database.sync(options.signal),
      })),
    );
  }

  /**
   * Ships what is left, writes every WAL back into its database, and lets go. Rejects after the deadline (30 s, or the
   * signal) with what is not durable; everything is released in any case.
   */
  async stop(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const signal = options.signal ?? AbortSignal.timeout(STOP_DEADLINE_MS);
    const results = await Promise.allSettled(this.#databases.map((database) => database.stop(signal)));
    const failed = results.filter((result) => result.status === "rejected").map((result): unknown => result.reason);
    const [first] = failed;
    if (first === undefined) return;
    if (failed.length === 1) throw first;
    const more = failed.length - 1;
    throw new LitewakeError(
      "unreachable",
      `${first instanceof Error ? first.message : "stopping failed"} (and ${more} more)`,
      {
        cause: first,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Whether the others can go on: the file of one database is no database, or may not be read. */
function isOfOneDatabase(error: unknown): boolean {
  return error instanceof LitewakeError && error.kind === "database";
}

// A fleet: many databases under one replica root, followed by one process under one budget, with restore points over all.
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { Schedule } from "../replica/schedule.ts";
import type { DatabaseReplication, DatabaseStatus } from "../shipping/database-replication.ts";
import { Replication, type SyncedDatabase } from "../shipping/replication.ts";
import { step } from "../steps.ts";
import type { Lease } from "./lease.ts";
import type { Manifest, Sharding } from "./manifest.ts";
import type { FleetMember } from "./members.ts";
import { type FleetParts, partsOf, replicationOf } from "./parts.ts";
import { checkPointName, listPoints, publishPoint, type RestorePoint } from "./points.ts";

/** Durations in milliseconds, sizes in bytes. */
export interface FleetOptions {
  /** The fleet's root. Closed by whoever opened it, after `stop`. */
  readonly client: ReplicaClient;
  readonly members: readonly FleetMember[];
  /** Claimed in the replica before anything is shipped. Undefined: members come and go, no row belongs to a certain one. */
  readonly sharding?: Sharding | undefined;
  readonly syncIntervalMs: number;
  readonly snapshotIntervalMs: number;
  readonly retentionMs: number;
  readonly retentionCheckIntervalMs: number;
  /** A restore point is taken so often while anything is committed; 0: only when asked for. */
  readonly pointsIntervalMs: number;
  readonly logger: Logger;
  readonly newHistory?: boolean | undefined;
  readonly maxWalBytes?: number | undefined;
  readonly tuning?: DatabaseReplication["tuning"];
  /** Calls to the store at the same time, over all databases; default 32. */
  readonly callsAtOnce?: number | undefined;
  /** Held by this process: without it nothing is written. Undefined: none is kept. */
  readonly lease?: Lease | undefined;
}

/** A restore point that was taken. */
export interface TakenPoint extends RestorePoint {
  /** How long writers may have been held. Milliseconds. */
  readonly heldMs: number;
}

/** The moment is tried for so often, each time after a pause in which the writers go on. */
const POINT_TRIES = 8;
const POINT_PAUSE_MS = 40;
const POINT_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 30_000;

export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #client: ReplicaClient;
  readonly #replication: Replication;
  readonly #names: Map<string, string>;
  readonly #parts: FleetParts;
  readonly #stop = new AbortController();
  #pointed = "";
  #running: Promise<void> = Promise.resolve();
  #retaining: Promise<void> = Promise.resolve();
  /** When to look; what is old goes by the store's clock. */
  readonly #retention: Schedule;

  private constructor(options: FleetOptions, parts: FleetParts, replication: Replication) {
    this.#retention = new Schedule(options.retentionCheckIntervalMs, 0);
    this.#options = options;
    this.#client = parts.client;
    this.#parts = parts;
    this.#names = new Map(options.members.map(({ name, path }) => [path, name]));
    this.#replication = replication;
  }

  /**
   * Starts to follow every database. Rejects when the replica is of another sharding, or a database is refused; one that is
   * no database is told of, and the others go on.
   */
  static async start(options: FleetOptions): Promise<Fleet> {
    const parts = partsOf(options);
    // Asked first, so that nothing is opened for a replica of another sharding; one that is down is asked again later.
    await parts.claim({}).catch((error: unknown) => {
      if (error instanceof LitewakeError) throw error;
      options.logger("warn", "the replica does not answer yet", { url: options.client.url, error: String(error) });
    });
    const databases = options.members.map((member) => replicationOf(member, options, parts));
    const replication = await Replication.start({
      databases,
      logger: options.logger,
      newHistory: options.newHistory,
      tolerant: true,
    });
    const fleet = new Fleet(options, parts, replication);
    fleet.#running = fleet.#work();
    return fleet;
  }

  /** Resolves when nothing is left that can be shipped. */
  get givenUp(): Promise<void> {
    return this.#replication.givenUp;
  }

  get status(): readonly DatabaseStatus[] {
    return this.#replication.status;
  }

  /** The first failure that no retry can mend. */
  get failure(): unknown {
    return this.#replication.failure;
  }

  /** The way in which the replica is sharded, once that is known. */
  get manifest(): Manifest | undefined {
    return this.#parts.manifest();
  }

  /** As `Replication.look`; every database has one replica, named as its folder. */
  look: Replication["look"] = (...args) => this.#replication.look(...args);

  /** Resolves when the replica has acknowledged what is committed in each database at the time of the call. */
  sync(options: { readonly signal?: AbortSignal } = {}): Promise<SyncedDatabase[]> {
    return this.#replication.sync(options);
  }

  /** Follows one more database from now on. */
  async add(member: FleetMember): Promise<void> {
    this.#names.set(member.path, member.name);
    await this.#replication.add(replicationOf(member, this.#options, this.#parts));
  }

  /** Ships what is left of a database and lets it go. */
  async remove(path: string): Promise<void> {
    await this.#replication.remove(path);
    this.#names.delete(path);
  }

  /**
   * Takes a restore point over all databases and publishes it once every replica has acknowledged its place. Rejects with
   * kind `usage` or `refused` for the name, `unreachable` when the replica does not answer in time, `refused` when the
   * writers left no moment free.
   */
  async point(name: string | null = null, { signal }: CallOptions = {}): Promise<TakenPoint> {
    if (name !== null) {
      checkPointName(name);
      const taken = (await listPoints(this.#client, { signal })).some((point) => point.name === name);
      if (taken)
        throw new LitewakeError("refused", `there is a point named ${name} already`, { next: "choose another name" });
    }
    const deadline = AbortSignal.any([
      AbortSignal.timeout(POINT_DEADLINE_MS),
      ...(signal === undefined ? [] : [signal]),
    ]);
    const { takenAt, cut } = await this.#cut(deadline);
    step("point:cut");
    await Promise.all(cut.databases.map((database) => database.durable(deadline)));
    step("point:durable");
    const places = new Map(
      cut.databases.flatMap(({ path, positions: [position] }) => {
        const folder = this.#names.get(path);
        return position === undefined || folder === undefined ? [] : [[folder, position] as const];
      }),
    );
    const point = { name, takenAt, epoch: this.manifest?.epoch ?? 0, places };
    await publishPoint(this.#client, point, { signal: deadline });
    step("point:published");
    this.#retaining = this.#retaining.then(() => this.#retainPoints());
    return { ...point, heldMs: cut.heldMs };
  }

  async #cut(signal: AbortSignal) {
    const failed = this.#replication.status.find(({ state }) => state === "failed");
    if (failed !== undefined) {
      throw new LitewakeError("refused", `no point can be taken while ${failed.path} is not followed`, {
        next: "see the log for why",
      });
    }
    for (let tries = 1; tries <= POINT_TRIES; tries++) {
      signal.throwIfAborted();
      // Read before the locks are taken: whatever was committed before this time is in the point.
      const takenAt = new Date();
      const cut = this.#replication.cut();
      if (cut !== undefined && cut.databases.length > 0) return { takenAt, cut };
      await sleep(POINT_PAUSE_MS * (0.5 + Math.random()), undefined, { signal });
    }
    throw new LitewakeError("refused", "the databases could not be held still at one moment", {
      next: "a writer holds its transaction open, a database is not open yet, or a replica has no snapshot; try again",
    });
  }

  async #work(): Promise<void> {
    const { signal } = this.#stop;
    const { pointsIntervalMs } = this.#options;
    if (pointsIntervalMs === 0) return;
    while (!signal.aborted) {
      await sleep(pointsIntervalMs, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.#pointIfChanged(signal);
    }
  }

  async #pointIfChanged(signal: AbortSignal): Promise<void> {
    const places = this.#replication.seenPlaces;
    if (places === this.#pointed || places === "") return;
    try {
      const { heldMs } = await this.point(null, { signal });
      this.#pointed = places;
      this.#options.logger("debug", "restore point taken", { heldMs: Math.round(heldMs * 10) / 10 });
    } catch (error) {
      if (signal.aborted) return;
      this.#options.logger("warn", "no restore point this time", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  // A point older than the window names places that retention has deleted, or will. It becomes so only by a newer one.
  async #retainPoints(): Promise<void> {
    const { retentionMs, logger } = this.#options;
    const { signal } = this.#stop;
    if (retentionMs === 0 || !this.#retention.isDue || signal.aborted) return;
    this.#retention.done();
    try {
      const points = await listPoints(this.#client, { signal });
      const newest = points.at(-1)?.publishedAt.getTime() ?? 0;
      const old = points.filter(({ publishedAt }) => publishedAt.getTime() < newest - retentionMs);
      const keys = old.map(({ key }) => key);
      if (keys.length > 0) await this.#client.delete(keys, { signal });
    } catch (error) {
      if (signal.aborted) return;
      logger("warn", "old restore points could not be deleted", { error: String(error) });
      // Credentials that may not delete now may not do so in an hour.
      if (ReplicaError.is(error, "Denied")) this.#retention.end();
    }
  }

  /** Ships what is left, and lets go. Rejects after the deadline (30 s, or the signal) with what is not durable. */
  async stop(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const signal = options.signal ?? AbortSignal.timeout(STOP_DEADLINE_MS);
    this.#stop.abort();
    await this.#running;
    await this.#retaining;
    // The application has mostly ended by now: a restore to this point loses nothing.
    if (this.#options.pointsIntervalMs > 0 && this.failure === undefined) {
      const synced = await this.#replication.sync({ signal }).then(
        () => true,
        () => false,
      );
      if (synced) await this.#pointIfChanged(signal);
    }
    await this.#replication.stop({ signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

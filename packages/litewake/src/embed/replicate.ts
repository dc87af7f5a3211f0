// Embedded mode: the application starts replication by a call; the engine runs beside it, in a process of its own.
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type DatabaseStatus, LitewakeError, type SyncedDatabase } from "@litewake/core";
import { EngineProcess } from "./engine-process.ts";
import type { News } from "./messages.ts";
import { configurationOf, type ReplicationSettings, type Source, sourceOf } from "./options.ts";

export interface ReplicateOptions {
  /** Begin a new history although the local databases are empty or older than the replica. */
  readonly newHistory?: boolean;
  /** Take the replica's lease from the process that holds it, without waiting. */
  readonly takeOver?: boolean;
}

/** A restore point that was taken. */
export interface EmbeddedPoint {
  readonly name: string | null;
  readonly takenAt: Date;
  /** How long writers may have been held. Milliseconds. */
  readonly heldMs: number;
}

/** What `Replicated` emits. */
export interface ReplicationEvents {
  /** A database or its replica has another state. */
  state: [status: DatabaseStatus];
  /** How far a replica is behind, when that changes; at most twice a second. Bytes and milliseconds. */
  lag: [lag: { readonly path: string; readonly pendingBytes: number; readonly lagMs: number }];
  /** Something that a person should know of. Replication goes on where it can; nothing is thrown if nobody listens. */
  error: [error: Error];
  generation: [event: { readonly path: string; readonly generation: string; readonly reason: string }];
  log: [line: { readonly level: string; readonly message: string; readonly fields: Readonly<Record<string, unknown>> }];
}

const FIRST_RESTART_MS = 500;
const LAST_RESTART_MS = 30_000;

/** Replication of an application's databases. End it with `stop`, or `await using`. */
export class Replicated extends EventEmitter<ReplicationEvents> implements AsyncDisposable {
  readonly #source: Source;
  readonly #newHistory: boolean;
  readonly #takeOver: boolean;
  /** Why nothing is to be replicated here. */
  readonly #off: string | undefined;
  #engine: EngineProcess | undefined;
  #status: readonly DatabaseStatus[] = [];
  #stopping = false;
  #restartMs = FIRST_RESTART_MS;
  /** What the engine told before anybody could listen. */
  #early: News[] | undefined = [];

  /** Use `replicate`. */
  constructor(source: Source, { newHistory = false, takeOver = false }: ReplicateOptions, off: string | undefined) {
    super();
    this.#source = source;
    this.#newHistory = newHistory;
    this.#takeOver = takeOver;
    this.#off = off;
  }

  /** @internal */
  async begin(): Promise<this> {
    if (this.#off === undefined) await this.#launch(true);
    // What was told during the start is heard by listeners that are added right after it.
    setImmediate(() => {
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const news of early) this.#take(news);
    });
    return this;
  }

  /** Process id of the engine; undefined while none runs. */
  get enginePid(): number | undefined {
    return this.#engine?.pid;
  }

  /** What was last heard of each database; no older than half a second while something changes. */
  get status(): readonly DatabaseStatus[] {
    return this.#status;
  }

  /**
   * Resolves when the replica has acknowledged what is committed in each database at the time of the call, with the places.
   * Rejects with kind `unreachable` after `timeoutMs` (default: it waits as long as it takes).
   */
  async sync({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<SyncedDatabase[]> {
    const call = { method: "sync" as const, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    return (await this.#running().ask(call)) as SyncedDatabase[];
  }

  /** Takes a restore point over all databases; resolves when it can be restored. Rejects with kind `refused` if the name is taken. */
  async point(name: string | null = null): Promise<EmbeddedPoint> {
    const taken = (await this.#running().ask({ method: "point", name })) as {
      name: string | null;
      takenAt: string;
      heldMs: number;
    };
    return { name: taken.name, takenAt: new Date(taken.takenAt), heldMs: taken.heldMs };
  }

  /** Ships what is left and ends the engine. Rejects, after the engine has ended, with what is not durable. */
  async stop({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const engine = this.#engine;
    this.#engine = undefined;
    if (engine === undefined) {
      if (this.#off !== undefined) return;
      throw new LitewakeError("unreachable", "the engine was not running", {
        next: "what was not shipped stays in the WAL and is shipped at the next start",
      });
    }
    try {
      await engine.ask({ method: "stop", ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    } finally {
      await engine.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #running(): EngineProcess {
    if (this.#engine !== undefined) return this.#engine;
    const why = this.#off ?? (this.#stopping ? "replication was stopped" : "the engine is being started again");
    throw new LitewakeError("aborted", why);
  }

  async #launch(restore: boolean): Promise<void> {
    const engine = new EngineProcess({
      onNews: (news) => this.#take(news),
      onEnd: (why) => {
        if (this.#engine !== engine) return;
        this.#engine = undefined;
        this.#report(new LitewakeError("internal", `the replication engine ended (${why}); it is started again`));
        void this.#relaunch();
      },
    });
    await engine.start({
      source: this.#source,
      cwd: process.cwd(),
      newHistory: this.#newHistory,
      takeOver: this.#takeOver,
      restore,
    });
    this.#engine = engine;
    this.#restartMs = FIRST_RESTART_MS;
  }

  // The application runs: nothing is restored under it.
  async #relaunch(): Promise<void> {
    while (!this.#stopping && this.#engine === undefined) {
      await sleep(this.#restartMs, undefined, { ref: false });
      this.#restartMs = Math.min(this.#restartMs * 2, LAST_RESTART_MS);
      if (this.#stopping) return;
      await this.#launch(false).catch((error: unknown) => this.#report(error));
    }
  }

  // An "error" event that nobody listens to would end the application; said it must be all the same.
  #report(error: unknown): void {
    if (this.listenerCount("error") > 0) this.emit("error", error instanceof Error ? error : new Error(String(error)));
    else if (this.listenerCount("log") === 0)
      process.stderr.write(`litewake: ${error instanceof Error ? error.message : String(error)}\n`);
  }

  #take(news: News): void {
    if (this.#early !== undefined) {
      this.#early.push(news);
    } else if (news.kind === "log") {
      const { level, message, fields } = news;
      const isHeard = this.emit("log", { level, message, fields });
      if (level === "warn" && !isHeard) process.stderr.write(`litewake: ${message}\n`);
      if (message === "new generation") {
        this.emit("generation", {
          path: String(fields["db"]),
          generation: String(fields["generation"]),
          reason: String(fields["reason"]),
        });
      }
      if (level === "error")
        this.#report(new Error([message, fields["db"], fields["error"]].filter(Boolean).join(": ")));
    } else if (news.kind === "status" || news.kind === "started") {
      this.#compare(news.status);
    }
  }

  #compare(status: readonly DatabaseStatus[]): void {
    const before = new Map(this.#status.map((database) => [database.path, database]));
    this.#status = status;
    for (const database of status) {
      const old = before.get(database.path);
      const [replica] = database.replicas;
      if (old?.state !== database.state || old.replicas[0]?.state !== replica?.state) this.emit("state", database);
      const { pendingBytes = 0, lagMs = 0 } = replica ?? {};
      if (old !== undefined && (old.replicas[0]?.pendingBytes ?? 0) !== pendingBytes)
        this.emit("lag", { path: database.path, pendingBytes, lagMs });
    }
  }
}

/**
 * Restores what is missing (`restore_on_boot`), then follows the databases until `stop`. To be called before the application
 * opens them. `settings`: the keys of the `replication:` block, or the path of the YAML file that has it. Rejects with a `LitewakeError` in one line: `usage` for the settings, and as `restore` and `litewake replicate`.
 *
 * When the application ends, in whatever way, the engine ships what was committed and ends too.
 */
export async function replicate(
  settings: ReplicationSettings | string,
  options: ReplicateOptions = {},
): Promise<Replicated> {
  const source = sourceOf(settings, "replicate()");
  const { disabled, fleet } = configurationOf(source);
  let off = disabled ? "replication is switched off (enabled: false)" : undefined;
  // A file says who replicates; a call by itself means that this process does.
  if (typeof settings === "string" && fleet?.mode === "sidecar")
    off = `${settings} says mode: sidecar, so litewake replicate does it`;
  return new Replicated(source, options, off).begin();
}

// Databases that appear and vanish while a fleet is followed by a pattern.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Logger } from "@litewake/core";
import type { FleetConfig } from "../config/config.ts";
import { membersOf } from "./members.ts";

/** How often the folder is looked through. */
const LOOK_MS = 2000;

/** Looks through the folder now and then, and whenever somebody asks what is committed. */
export class Arrivals {
  readonly #running: Fleet;
  readonly #fleet: FleetConfig;
  readonly #logger: Logger;
  readonly #known: Set<string>;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #missed = new Set<string>();
  #looking: Promise<void> = Promise.resolve();

  constructor(running: Fleet, fleet: FleetConfig, logger: Logger) {
    this.#running = running;
    this.#fleet = fleet;
    this.#logger = logger;
    this.#known = new Set(running.status.map(({ path }) => path));
    this.#loop = fleet.layout.kind === "pattern" ? this.#follow() : Promise.resolve();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.look();
    }
  }

  /** One look; resolves when what has appeared is followed. A database that is refused is told of, once. */
  look(): Promise<void> {
    if (this.#fleet.layout.kind === "shards") return Promise.resolve();
    // One at a time: two looks would both take up what has appeared.
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => {
        this.#logger("error", "the folder cannot be looked through", {
          folder: this.#fleet.folder,
          error: String(error),
        });
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const members = await membersOf(this.#fleet);
    for (const member of members) {
      if (this.#known.has(member.path)) continue;
      this.#known.add(member.path);
      this.#logger("info", "a database has appeared", { database: member.name });
      await this.#running.add(member).catch((error: unknown) => {
        this.#logger("error", "it is not followed", {
          database: member.name,
          error: error instanceof Error ? error.message : String(error),
        });
      });
    }
    const there = new Set(members.map(({ path }) => path));
    const gone = [...this.#known].filter((path) => !there.has(path));
    for (const path of gone) {
      // Gone for one look may be a file that is being replaced.
      if (!this.#missed.has(path)) continue;
      this.#known.delete(path);
      this.#logger("info", "a database is gone; its replica stays", { db: path });
      await this.#running
        .remove(path)
        .catch((error: unknown) =>
          this.#logger("warn", "its last commits may be missing", { db: path, error: String(error) }),
        );
    }
    this.#missed = new Set(gone);
  }

  /** Ends the looking, after a last look. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.look();
  }
}

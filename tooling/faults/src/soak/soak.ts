// A soak: many writers, a store that fails now and then, kills, drills and restores, for as long as wanted. At its end nothing
// has grown, and everything is there.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { file } from "@litewake/file";
import { LitewakeError } from "@litewake/core";
import { prefixed, type ReplicaClient } from "@litewake/core/backend";
import { compareDatabases, spawnWriter, type Writer } from "@litewake-tooling/testkit";
import { type Random, seeded } from "@litewake-tooling/testkit/random";
import { Fates } from "../nemesis/fates.ts";
import { goesThrough, ledgerEnd, restored } from "../nemesis/judge.ts";
import { Nemesis } from "../nemesis/nemesis.ts";
import { serveStore } from "../nemesis/serve-store.ts";
import { type Growth, growth } from "./flat.ts";
import { lagSeconds, measure, type Sample } from "./samples.ts";
import { Soaked } from "./subject.ts";
import { nextSpell } from "./weather.ts";

export interface SoakOptions {
  readonly folder: string;
  readonly seed: number;
  readonly seconds: number;
  readonly databases: number;
}

export interface SoakResult {
  readonly problems: readonly string[];
  readonly samples: readonly Sample[];
  /** Of the time after the last kill: a leak needs a process that lives. */
  readonly growth: readonly Growth[];
  readonly figures: Readonly<Record<string, number>>;
}

/** Kills happen in this part of the time. */
const KILLED_UNTIL = 0.35;
/** The store is well again: lag is back to this, within so long. */
const CALM_LAG_SECONDS = 3;
const CALM_WITHIN_MS = 90_000;
const STOP_WITHIN_MS = 60_000;
/** A process takes a while to come to its size: in a short run growth is only told. */
const JUDGED_FROM_SECONDS = 120;

export class Soak {
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #problems: string[] = [];
  readonly #figures: Record<string, number> = {};
  readonly #samples: Sample[] = [];
  readonly #names: readonly string[];
  readonly #data: string;
  readonly #store: string;
  readonly #fates: Fates;
  readonly #begun = performance.now();
  /** Those of which something was restored: they hold a backup from then on. */
  readonly #begunReplicas = new Set<string>();

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#fates = new Fates(options.seed);
    this.#names = Array.from({ length: options.databases }, (_, n) => `db${n}`);
    this.#data = path.join(options.folder, "data");
    this.#store = path.join(options.folder, "store");
    for (const folder of [this.#data, this.#store]) fs.mkdirSync(folder);
  }

  async run(): Promise<SoakResult> {
    const { folder, seconds } = this.#options;
    const store = await file.open({ url: `file://${this.#store}`, settings: {}, env: {} });
    const nemesis = new Nemesis(store, { fates: this.#fates, lateMs: 2000, hangMs: 4000, forgetMs: 0 });
    const socket = path.join(folder, "store.sock");
    await using _server = await serveStore(nemesis, socket);
    const writers = await Promise.all(this.#names.map((name, n) => this.#writer(name, n)));
    try {
      const short = Math.min(1, seconds / 300);
      const times = {
        snapshotSeconds: Math.max(3, Math.round(60 * short)),
        retentionSeconds: Math.max(6, Math.round(120 * short)),
        drillSeconds: Math.max(4, Math.round(45 * short)),
      };
      await using soaked = await Soaked.prepare({ folder, names: this.#names, socket, times });
      soaked.start();
      const over = new AbortController();
      const during = [
        this.#weather(over.signal),
        this.#sampling(soaked, over.signal),
        this.#restores(store, over.signal),
      ];
      await this.#kills(soaked);
      await this.#until(seconds);
      over.abort();
      await Promise.all(during);
      await this.#end(soaked, nemesis, store, writers);
      return this.#result(soaked);
    } finally {
      for (const writer of writers) await writer.process.kill9();
    }
  }

  get #elapsed(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  async #until(seconds: number, signal?: AbortSignal): Promise<void> {
    await sleep(Math.max(0, (seconds - this.#elapsed) * 1000), undefined, { signal }).catch(() => {});
  }

  #pathOf(name: string): string {
    return path.join(this.#data, `${name}.db`);
  }

  #writer(name: string, n: number): Promise<Writer> {
    const rate = [60, 25, 10, 5][n % 4] ?? 10;
    return spawnWriter("node-sqlite", this.#pathOf(name), { rate, payloadBytes: 200, touchEvery: 1, reportEvery: 50 });
  }

  async #weather(signal: AbortSignal): Promise<void> {
    const scale = Math.min(1, this.#options.seconds / 60);
    while (!signal.aborted) {
      const { ms, weather } = nextSpell(this.#random, scale);
      this.#fates.turn(weather);
      await sleep(ms, undefined, { signal }).catch(() => {});
    }
    this.#fates.turn({});
  }

  async #kills(soaked: Soaked): Promise<void> {
    const { seconds } = this.#options;
    const end = seconds * KILLED_UNTIL;
    const count = Math.max(2, Math.round(seconds / 120));
    for (let n = 1; n <= count; n++) {
      await this.#until((end * n) / count);
      await soaked.kill();
      this.#count("kills");
      await sleep(this.#random.below(1000));
      soaked.start();
    }
  }

  async #sampling(soaked: Soaked, signal: AbortSignal): Promise<void> {
    const { seconds } = this.#options;
    const every = Math.max(0.25, seconds / 600);
    while (!signal.aborted) {
      await this.#until(this.#elapsed + every, signal);
      soaked.look();
      const { pid, life, statusUrl } = soaked;
      if (pid === undefined) continue;
      const sample = await measure({ pid, statusUrl, data: this.#data, store: this.#store });
      if (sample !== undefined) this.#samples.push({ seconds: this.#elapsed, life, ...sample });
    }
  }

  /** Now and then one of the replicas, as it really is, is restored: a state that the database has had. */
  async #restores(store: ReplicaClient, signal: AbortSignal): Promise<void> {
    const every = Math.max(3, this.#options.seconds / 30);
    while (!signal.aborted) {
      await this.#until(this.#elapsed + every, signal);
      if (signal.aborted) return;
      const name = this.#random.pick(this.#names);
      try {
        await restored(prefixed(store, name), ({ problem, end }) => {
          if (problem !== undefined) this.#problems.push(`${name}: a wrong database: ${problem}`);
          else if (!goesThrough(this.#pathOf(name), end)) this.#problems.push(`${name}: row ${end.seq} never was`);
          this.#begunReplicas.add(name);
          this.#count("restores");
        });
      } catch (error) {
        const isFirst = error instanceof LitewakeError && error.kind === "no-backup" && !this.#begunReplicas.has(name);
        if (!isFirst) this.#problems.push(`${name}: not restored: ${lineOf(error)}`);
      }
    }
  }

  /** The store is well, the writers stop: what was written is there. */
  async #end(soaked: Soaked, nemesis: Nemesis, store: ReplicaClient, writers: readonly Writer[]): Promise<void> {
    const begun = performance.now();
    let lag = Infinity;
    while (lag > CALM_LAG_SECONDS && performance.now() - begun < CALM_WITHIN_MS) {
      await sleep(250);
      soaked.look();
      lag = await lagSeconds(soaked.statusUrl).catch(() => Infinity);
    }
    this.#count("calmSeconds", Math.round((performance.now() - begun) / 1000));
    if (lag > CALM_LAG_SECONDS) this.#problems.push(`${lag} s behind although the store is well`);
    for (const writer of writers) await writer.stop();
    await nemesis.settled();
    const code = await soaked.stop(STOP_WITHIN_MS).catch(lineOf);
    if (code !== 0) this.#problems.push(`the orderly stop ended with ${code}`);
    for (const name of this.#names) {
      this.#count("rows", ledgerEnd(this.#pathOf(name)).seq);
      await restored(prefixed(store, name), ({ output, problem }) => {
        if (problem !== undefined) this.#problems.push(`${name}: a wrong database at the end: ${problem}`);
        for (const line of compareDatabases(this.#pathOf(name), output)) this.#problems.push(`${name}: ${line}`);
      }).catch((error: unknown) => this.#problems.push(`${name}: not restored at the end: ${lineOf(error)}`));
    }
  }

  #result(soaked: Soaked): SoakResult {
    this.#figures["drills"] = soaked.proved;
    const lasting = this.#samples.filter(({ life }) => life === soaked.life);
    const grown = growth(lasting);
    for (const { quantity, second, last, isFlat } of grown) {
      if (!isFlat && this.#options.seconds >= JUDGED_FROM_SECONDS)
        this.#problems.push(`${quantity} has grown from ${second} to ${last}`);
    }
    const faults = Object.values(this.#fates.drawn).reduce((sum, n) => sum + n, 0);
    return {
      problems: [...this.#problems, ...soaked.bad],
      samples: this.#samples,
      growth: grown,
      figures: { ...this.#figures, faults, samples: this.#samples.length },
    };
  }

  #count(what: string, by = 1): void {
    this.#figures[what] = (this.#figures[what] ?? 0) + by;
  }
}

function lineOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 2000) : String(error);
}

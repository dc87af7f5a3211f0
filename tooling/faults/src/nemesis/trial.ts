// One trial: live writers, a replicator that is killed now and then, a store that does its worst; then the store is healed,
// and everything must be there. What was acknowledged must be there at every moment, in the store as it really is.
import { setTimeout as sleep } from "node:timers/promises";
import { LitewakeError } from "@litewake/core";
import { GENERATIONS_PREFIX } from "@litewake/core/protocol";
import { prefixed, type ReplicaClient, ReplicaError, retrying } from "@litewake/core/backend";
import { memoryClient } from "@litewake/conformance";
import { compareDatabases, spawnWorkload, spawnWriter, tempDir } from "@litewake-tooling/testkit";
import { Fates } from "./fates.ts";
import { type Fault, isLying } from "./faults.ts";
import { goesThrough, type LedgerEnd, ledgerEnd, type Restored, restored } from "./judge.ts";
import { Nemesis } from "./nemesis.ts";
import { FORGET_MS, HANG_MS, type TrialPlan } from "./plan.ts";
import { serveStore } from "./serve-store.ts";
import { ScheduleClock } from "./schedule-clock.ts";
import { compileCache, Subject } from "./subject.ts";
import { TrueStore } from "./true-store.ts";

export interface Verdict {
  readonly seed: number;
  /** Broken promises; none: the seed has passed. */
  readonly problems: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
  readonly drawn: Readonly<Partial<Record<Fault, number>>>;
  /** What the replicators said and the store holds, for a failure. */
  readonly said: readonly string[];
}

const FOLDER = "app";
/** The store is well again: a sync may take so long. */
const HEALED_MS = 180_000;
/** The speed of the schedule while a replicator starts: it may wait for the weather to change. */
const STARTING = 0.1;
/** Moments of the store that are restored from, at the most, of each kind. */
const MOMENTS = 8;

/** What was acknowledged when the store was as it was then. */
interface Mark {
  readonly moment: number;
  readonly acknowledged: number;
  /** The store's date of its newest object. */
  readonly newestAt: Date;
}

export class Trial {
  readonly #plan: TrialPlan;
  readonly #problems: string[] = [];
  readonly #figures: Record<string, number> = {};
  readonly #marks: Mark[] = [];
  readonly #ends: { readonly end: LedgerEnd; readonly what: string }[] = [];
  readonly #store: TrueStore;
  readonly #fates: Fates;
  readonly #nemesis: Nemesis;
  /** The moments just after something late was done. */
  readonly #arrivals: number[] = [];
  #acknowledged = 0;
  #healed = false;

  constructor(plan: TrialPlan) {
    this.#plan = plan;
    this.#store = new TrueStore({ putIfAbsent: plan.replicator.putIfAbsent, clockGrainMs: plan.clockGrainMs });
    this.#fates = new Fates(plan.seed);
    this.#nemesis = new Nemesis(this.#store, {
      fates: this.#fates,
      lateMs: plan.lateMs,
      hangMs: HANG_MS,
      forgetMs: FORGET_MS,
      onLate: () => this.#arrivals.push(this.#store.moment),
    });
  }

  async run(): Promise<Verdict> {
    const { writer: options, workload: life, replicator, syncEveryMs } = this.#plan;
    using folder = tempDir(`nemesis-${this.#plan.seed}`);
    const database = folder.join("app.db");
    const socket = folder.join("store.sock");
    await using _server = await serveStore(this.#nemesis, socket);
    await using writer = await spawnWriter("node-sqlite", database, options, {
      env: { NODE_COMPILE_CACHE: compileCache },
    });
    await using workload =
      life === undefined ? undefined : await spawnWorkload(database, { seed: life, steps: 1e6, pauseMs: 20 });
    await using subject = new Subject({
      options: { ...replicator, databases: [{ path: database, folder: FOLDER }], socket },
      committed: () => writer.committed(),
      onAcknowledged: (seq) => this.#noteAcknowledged(seq),
      onEnded: (why) => this.#ended(why),
    });
    subject.start();
    const clock = new ScheduleClock(() => {
      subject.look();
      if (subject.started) return 1;
      return subject.up ? STARTING : 0;
    });
    await Promise.all([
      this.#weather(clock),
      this.#syncs(clock, subject, syncEveryMs),
      this.#kills(clock, subject),
      this.#restores(clock),
    ]);
    await clock.stop();
    this.#fates.turn({});
    this.#healed = true;
    try {
      await workload?.stop();
      await writer.stop();
      await this.#synced(subject);
      await this.#nemesis.settled();
      await this.#expectSame(database, "after the store was healed");
      const code = await subject.stop(HEALED_MS);
      if (code !== 0) this.#problems.push(`the orderly stop ended with ${code}`);
      await this.#expectSame(database, "after the stop");
    } catch (error) {
      this.#problems.push(`after the store was healed: ${lineOf(error)}`);
    }
    await subject.kill();
    await workload?.stop();
    await writer.process.kill9();
    await this.#judgeMoments();
    await this.#judgeInstants();
    for (const { end, what } of this.#ends) {
      if (!goesThrough(database, end)) this.#problems.push(`${what}: row ${end.seq} was never in the database`);
    }
    this.#count("rows", ledgerEnd(database).seq);
    return {
      seed: this.#plan.seed,
      problems: this.#problems,
      figures: this.#figures,
      drawn: this.#fates.drawn,
      said: [...subject.said.map((event) => JSON.stringify(event)), ...this.#stored()],
    };
  }

  async #synced(subject: Subject): Promise<void> {
    if (!subject.running) subject.start();
    try {
      await subject.synced(HEALED_MS);
    } catch (error) {
      // It was about to end when the store was healed.
      if (subject.running) throw error;
      subject.start();
      await subject.synced(HEALED_MS);
    }
  }

  /** What the store holds at the end, oldest first. */
  #stored(): string[] {
    return [...this.#store.objects]
      .sort(([, a], [, b]) => a.modifiedAt.getTime() - b.modifiedAt.getTime())
      .map(([key, { modifiedAt, bytes }]) => `stored ${modifiedAt.toISOString()} ${key} ${bytes.byteLength}`);
  }

  #count(what: string, by = 1): void {
    this.#figures[what] = (this.#figures[what] ?? 0) + by;
  }

  #noteAcknowledged(seq: number): void {
    this.#count("acknowledged");
    this.#acknowledged = Math.max(this.#acknowledged, seq);
    const history = [...this.#store.objects].filter(([key]) => key.startsWith(`${FOLDER}/${GENERATIONS_PREFIX}`));
    const newest = Math.max(...history.map(([, { modifiedAt }]) => modifiedAt.getTime()));
    const moment = this.#store.moment;
    this.#marks.push({ moment, acknowledged: this.#acknowledged, newestAt: new Date(newest) });
  }

  // A store that breaks its contract may make a replicator refuse to go on; one that only fails may not, but for one case:
  // a start that has no lease yet ends where the store says that the credentials are wrong.
  #ended(why: string): void {
    this.#count("ended");
    const noLease = this.#plan.replicator.leaseMs > 0 && why.includes("credentials have expired");
    if (!noLease && (this.#healed || !this.#plan.lying)) this.#problems.push(`the replicator ended by itself: ${why}`);
  }

  async #weather(clock: ScheduleClock): Promise<void> {
    let end = 0;
    for (const { weather, ms } of this.#plan.phases) {
      this.#fates.turn(weather);
      end += ms;
      await clock.until(end);
    }
  }

  get #totalMs(): number {
    return this.#plan.phases.reduce((sum, { ms }) => sum + ms, 0);
  }

  async #syncs(clock: ScheduleClock, subject: Subject, everyMs: number): Promise<void> {
    for (let at = 0; at < this.#totalMs; at += everyMs) {
      await clock.until(at);
      subject.ask();
    }
  }

  async #kills(clock: ScheduleClock, subject: Subject): Promise<void> {
    for (const { atMs, downMs } of this.#plan.kills.toSorted((a, b) => a.atMs - b.atMs)) {
      await clock.until(atMs);
      // One that has ended by itself is started again, as a supervisor does.
      if (subject.running) await subject.kill();
      this.#count("kills");
      await sleep(downMs);
      subject.start();
    }
  }

  /** Restores while the store does its worst: an acknowledged state, or a refusal. */
  async #restores(clock: ScheduleClock): Promise<void> {
    for (const { atMs, retry } of this.#plan.restores.toSorted((a, b) => a.atMs - b.atMs)) {
      await clock.until(atMs);
      const plain: ReplicaClient = prefixed(this.#nemesis, FOLDER);
      const client = retry ? retrying(plain, { attempts: 10, firstDelayMs: 10, maxDelayMs: 100 }) : plain;
      const what = `a restore at ${atMs} ms${retry ? " with retries" : ""}`;
      const before = this.#acknowledged;
      try {
        await restored(client, (made) => {
          this.#count("restored");
          this.#take(made, what, isLying(this.#fates.weather) || this.#plan.lying ? 0 : before);
        });
      } catch (error) {
        this.#count("refused");
        if (!(error instanceof LitewakeError) && !ReplicaError.is(error))
          this.#problems.push(`${what}: not a refusal but ${lineOf(error)}`);
      }
    }
  }

  #take({ end, problem }: Restored, what: string, atLeast: number): void {
    if (problem !== undefined) this.#problems.push(`${what}: a wrong database: ${problem}`);
    else if (end.seq < atLeast) this.#problems.push(`${what}: row ${end.seq}, but ${atLeast} was acknowledged`);
    this.#ends.push({ end, what });
  }

  /** At any moment what was acknowledged can be restored from the store as it was then. */
  async #judgeMoments(): Promise<void> {
    const deletions = this.#store.deletions().map((moment) => this.#markBefore(moment));
    const arrivals = this.#arrivals.map((moment) => this.#markBefore(moment));
    const isReplaced = this.#replaced();
    for (const marks of [this.#marks, deletions, arrivals]) {
      for (const { moment, acknowledged } of spread(marks, MOMENTS)) {
        await this.#judge(moment, isReplaced(moment) ? undefined : acknowledged, `the store at its change ${moment}`);
      }
    }
  }

  #markBefore(moment: number): Mark {
    const last = this.#marks.findLast((mark) => mark.moment <= moment);
    return { acknowledged: last?.acknowledged ?? 0, newestAt: last?.newestAt ?? new Date(0), moment };
  }

  /** `acknowledged` undefined: no state can be asked for, but what is restored must be one. */
  async #judge(moment: number, acknowledged: number | undefined, what: string): Promise<void> {
    const client = prefixed(memoryClient({ objects: this.#store.at(moment) }), FOLDER);
    try {
      await restored(client, (made) => this.#take(made, what, acknowledged ?? 0));
      this.#count(acknowledged === undefined ? "replaced" : "moments");
    } catch (error) {
      if (acknowledged !== undefined && acknowledged > 0)
        this.#problems.push(`${what}: ${acknowledged} rows were acknowledged, but ${lineOf(error)}`);
    }
  }

  /**
   * Without conditions nobody can keep what a killed process had under way from replacing what the next one stored: from then on
   * until that one has seen it and has begun anew, no state can be asked for.
   */
  #replaced(): (moment: number) => boolean {
    const spans = this.#plan.replicator.putIfAbsent ? [] : this.#store.replacements();
    return (moment) => spans.some(({ from, to }) => moment >= from && moment < to);
  }

  /** Every instant of the window can be restored from what the store holds at the end. */
  async #judgeInstants(): Promise<void> {
    // Without a condition a late copy of a request gives an old object a new date.
    if (!this.#plan.replicator.putIfAbsent) return;
    const end = this.#marks.at(-1);
    if (end === undefined) return;
    const from = end.newestAt.getTime() - this.#plan.replicator.retentionMs;
    const client = prefixed(memoryClient({ objects: this.#store.at(this.#store.moment) }), FOLDER);
    for (const { newestAt, acknowledged } of spread(
      this.#marks.filter((mark) => mark.newestAt.getTime() >= from),
      4,
    )) {
      const what = `the end, restored to ${newestAt.toISOString()}`;
      try {
        await restored(client, (made) => this.#take(made, what, acknowledged), { target: { timestamp: newestAt } });
        this.#count("instants");
      } catch (error) {
        this.#problems.push(`${what}: ${acknowledged} rows were acknowledged, but ${lineOf(error)}`);
      }
    }
  }

  async #expectSame(database: string, what: string): Promise<void> {
    const client = prefixed(this.#store, FOLDER);
    await restored(client, ({ output, problem }) => {
      if (problem !== undefined) this.#problems.push(`${what}: a wrong database: ${problem}`);
      for (const difference of compareDatabases(database, output)) this.#problems.push(`${what}: ${difference}`);
    });
  }
}

/** At most so many, from all parts, the last among them. */
function spread<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, n) => items[Math.floor(((n + 1) * items.length) / most) - 1]).filter(
    (item) => item !== undefined,
  );
}

function lineOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.split("\n")[0]}` : String(error);
}

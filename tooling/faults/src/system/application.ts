// An application that writes while Litewake follows it, and what both are held to when the fault is over.
import { setTimeout as sleep } from "node:timers/promises";
import { compareDatabases, type Writer, type WriterReport } from "@litewake-tooling/testkit";
import { Broken, require } from "./broken.ts";
import type { Follower, FollowerOptions } from "./follower.ts";
import { lastRestorable, restoredFrom } from "./judge.ts";
import type { World } from "./world.ts";

/** No fault lasts long enough for more lines than that at "warn" and above. */
const MOST_COMPLAINTS = 12;
const MOST_LINES = 400;
const MOST_BYTES = 400 << 20;
/** Long: other people may use the machine too. */
const PATIENCE_MS = 150_000;

export interface Outcome {
  /** Errors that the fault itself gives to the application, with Litewake or without. */
  readonly errors?: RegExp;
  /** Generations that begin on the way, by their reasons, the first one's included. Default: the first one alone. */
  readonly generations?: readonly RegExp[];
  /** Any number of generations after those, for this reason: how many is a matter of moments. */
  readonly moreGenerations?: RegExp;
  /** Some line of the log, which names what and where. */
  readonly says?: RegExp;
  readonly complaints?: number;
}

export class Application {
  readonly world: World;
  writer: Writer;
  follower: Follower;
  /** The newest row that was restorable at some time: it must never be lost. */
  acknowledged = 0;
  readonly #before: Follower[] = [];

  constructor(world: World, writer: Writer, follower: Follower) {
    this.world = world;
    this.writer = writer;
    this.follower = follower;
  }

  /** The application commits some more, and all of it can be restored, without anybody's help. */
  async goesOn(commits = 5): Promise<number> {
    const wanted = this.writer.committed() + commits;
    await this.writer.reached(wanted, PATIENCE_MS).catch((error: unknown) => {
      throw new Broken(`the application does not go on: ${String(error).slice(0, 120)}, at ${this.writer.committed()}`);
    });
    return this.ships(wanted);
  }

  /** What is committed up to that row can be restored soon. */
  async ships(wanted: number): Promise<number> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 1.5, 500)) {
      this.follower.requireRunning();
      const last = await lastRestorable(this.world.replica);
      this.acknowledged = Math.max(this.acknowledged, last);
      if (last >= wanted) return last;
      if (performance.now() > deadline) {
        const log = this.follower.process.lines.slice(-12).join("\n");
        throw new Broken(`only ${last} rows of ${wanted} can be restored after ${PATIENCE_MS} ms; it said:\n${log}`);
      }
      await sleep(pauseMs);
    }
  }

  /** Litewake again, after it was stopped or has ended. */
  async follow(options: FollowerOptions = {}): Promise<Follower> {
    this.#before.push(this.follower);
    this.follower = await this.world.follower(options);
    return this.follower;
  }

  /** The application again, after it was stopped. */
  async write(options: Parameters<World["writer"]>[0] = {}): Promise<void> {
    this.writer = await this.world.writer(options);
  }

  /** The end of a scenario: an orderly stop, and everything is as promised. */
  async end(expected: Outcome = {}): Promise<WriterReport> {
    const report = await this.writer.stop();
    this.follower.requireRunning();
    const peak = this.follower.peakBytes;
    await this.follower.stop();
    this.#judgeLog(expected);
    require(peak < MOST_BYTES, `Litewake took ${Math.round(peak / (1 << 20))} MiB`);
    await this.same();
    for (const [error, times] of Object.entries(report.errors)) {
      require(expected.errors?.test(error) === true, `the application met ${JSON.stringify(error)} ${times} times`);
    }
    return report;
  }

  /** The newest state in the replica is that of the live database, and nothing acknowledged is missing. */
  async same(): Promise<void> {
    const differences = compareDatabases(this.world.database, await restoredFrom(this.world.replica));
    require(differences.length === 0, `the restore differs from the live database: ${differences.join("; ")}`);
  }

  #judgeLog({
    generations = [/holds no generation yet/],
    moreGenerations,
    says,
    complaints = MOST_COMPLAINTS,
  }: Outcome): void {
    const followers = [...this.#before, this.follower];
    const said = followers.flatMap((follower) => follower.said);
    const log = () => followers.map((follower) => follower.process.output()).join("\n--- again:\n");
    const reasons = followers.flatMap((follower) => follower.reasons);
    const fits =
      reasons.length >= generations.length &&
      reasons.every((reason, i) => (generations[i] ?? moreGenerations ?? /(?!)/).test(reason));
    require(fits, `generations began for ${JSON.stringify(reasons)}, expected ${generations.join(", ")}:\n${log()}`);
    if (says !== undefined)
      require(followers.some((f) => says.test(f.process.output())), `no line ${says} in:\n${log()}`);
    const loud = said.filter(({ level }) => level === "WARN" || level === "ERROR");
    require(loud.length <= complaints, `${loud.length} complaints, more than ${complaints}:\n${log()}`);
    require(said.length <= MOST_LINES, `a flood of ${said.length} lines:\n${log().slice(0, 4000)}`);
    const stray = followers.flatMap((follower) => (follower.process.running ? [] : follower.lastWords));
    const stack = stray.find((line) => /^\s+at /.test(line));
    require(stack === undefined, `a stack in the output:\n${log()}`);
  }
}

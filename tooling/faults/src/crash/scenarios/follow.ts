// A ledger that is followed into one or two replicas: the process is killed again and again, and each time what it left is
// restored.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { compareDatabases, restoreWith, tempDir, type TempDir, verifyLedger } from "@litewake-tooling/testkit";
import { restore } from "@litewake/core";
import { file } from "@litewake/file";
import { type Random, seeded } from "../../../../testkit/writers/random.ts";
import { Application } from "../application.ts";
import { Between, everyIncident, type Incident } from "../between.ts";
import { type Case, type CaseResult, liveMs, Score } from "../case.ts";
import { type Ack, type Beginning, Life } from "../life.ts";
import type { Point } from "../point.ts";
import { ReplicaOracle } from "../replica-oracle.ts";
import { type FollowSettings, followSettings } from "../settings.ts";
import type { FollowSubject } from "../subject/options.ts";

export interface FollowKind {
  /** Snapshots and retention at short intervals. */
  readonly upkeep: boolean;
  readonly replicas: number;
  /** The application checkpoints often. */
  readonly restless?: boolean;
  readonly incidents: readonly Incident[];
}

export const followKinds = {
  /** One replica; only the follower dies. */
  ship: { upkeep: false, replicas: 1, incidents: ["at-once", "later", "writer-paused"] },
  /** The same, while old snapshots and segments are deleted. */
  upkeep: { upkeep: true, replicas: 1, incidents: ["at-once", "later", "writer-paused"] },
  /** Whatever else may happen on such a day. */
  incidents: { upkeep: false, replicas: 1, restless: true, incidents: everyIncident },
  /** Two replicas, each with a place of its own. */
  two: { upkeep: true, replicas: 2, incidents: everyIncident },
} satisfies Readonly<Record<string, FollowKind>>;

/** Of so many cases one is also restored by Litestream. */
const LITESTREAM_EACH = 4;
/** A case without points lives so long, twice, so that the places can be counted. */
const COUNTED_MS = 1000;

export async function runFollow(kind: FollowKind, what: Case): Promise<CaseResult> {
  using folder = tempDir("crash");
  const score = new Score(what);
  await new FollowRun(kind, what, folder, score).run();
  return score.result(kind.replicas);
}

class FollowRun {
  readonly #kind: FollowKind;
  readonly #case: Case;
  readonly #folder: TempDir;
  readonly #score: Score;
  readonly #random: Random;
  readonly #settings: FollowSettings;
  readonly #database: string;
  readonly #replicas: readonly string[];
  readonly #acks: Ack[] = [];

  constructor(kind: FollowKind, what: Case, folder: TempDir, score: Score) {
    this.#kind = kind;
    this.#case = what;
    this.#folder = folder;
    this.#score = score;
    this.#random = seeded(what.seed);
    this.#settings = followSettings(this.#random, kind);
    this.#database = folder.join("app.db");
    this.#replicas = Array.from({ length: kind.replicas }, (_, n) => folder.join(`replica-${n}`));
  }

  async run(): Promise<void> {
    const { points } = this.#case;
    await using application = new Application(this.#database, this.#settings.writer);
    await application.start();
    const between = new Between(this.#database, application, this.#random);
    const oracles = await this.#openOracles();
    const lives: (Point | undefined)[] = points.length === 0 ? [undefined, undefined] : [...points, undefined];
    let before: Incident = "at-once";
    for (const [n, point] of lives.entries()) {
      const isLast = n === lives.length - 1;
      const next = this.#random.pick(this.#kind.incidents);
      const companion = !isLast && next === "writer-killed" ? application.pid : undefined;
      await using life = new Life(this.#subject(point, companion));
      this.#score.at = `life ${n + 1}, ${life.name}, after ${before}`;
      // Paused in the middle of whatever it did: it may hold a lock that the start waits for, so not for ever.
      if (before === "writer-paused") setTimeout(() => application.resume(), this.#random.below(300));
      const end = await life.end(points.length === 0 ? COUNTED_MS : liveMs(this.#random), async () => {
        if (isLast && point === undefined && points.length > 0) await sleep(this.#random.below(100));
        if (isLast) await application.stop();
      });
      if (!isLast && next === "writer-paused") application.pause();
      this.#score.life(point, end, life.process.lines);
      this.#judgeLife(life, before);
      if (point === undefined && end === "stopped") this.#score.counted(life.counts);
      if (isLast) break;
      await between.happen(next);
      for (const oracle of oracles) await oracle.judge(this.#acks, this.#random);
      before = next;
    }
    this.#score.at = `the end, after ${before}`;
    await this.#judgeEnd(oracles);
  }

  #subject(point: Point | undefined, companion: number | undefined): FollowSubject {
    const { seed } = this.#case;
    const { intervals, tuning, ackEveryMs } = this.#settings;
    const { database, replicas } = { database: this.#database, replicas: this.#replicas };
    return { work: "follow", point, seed, companion, database, replicas, tuning, ackEveryMs, ...intervals };
  }

  async #openOracles(): Promise<ReplicaOracle[]> {
    const outputs = this.#folder.join("restored");
    fs.mkdirSync(outputs);
    return Promise.all(
      this.#replicas.map(async (folder, number) => {
        const client = await file.open({ url: `file://${folder}`, settings: {}, env: {} });
        return new ReplicaOracle(client, number, outputs, this.#score, this.#settings.intervals.retentionMs);
      }),
    );
  }

  #judgeLife(life: Life, before: Incident): void {
    this.#acks.push(...life.acks);
    const { beginnings } = life;
    this.#score.began(beginnings);
    this.#score.wentOn(
      life.log.flatMap(({ message, how }) => (message === "same generation goes on" ? [String(how)] : [])),
    );
    for (const beginning of beginnings) {
      const excuse = excuseOf(beginning, before);
      if (beginning.against !== null && excuse === undefined)
        this.#score.violated(`a new generation began (${beginning.reason}), although ${beginning.against}`);
    }
    for (const { level, message, ...fields } of life.log) {
      const isFine = level === "info" || (before === "spool-cut" && message === "history of this replica ends");
      const known =
        message === "the database does not continue the replica's history; a new generation begins beside it";
      if (!isFine && !known) this.#score.violated(`${level}: ${message} ${JSON.stringify(fields)}`);
    }
  }

  async #judgeEnd(oracles: readonly ReplicaOracle[]): Promise<void> {
    const score = this.#score;
    for (const [n, oracle] of oracles.entries()) {
      await oracle.judge(this.#acks, this.#random);
      await score.check("the live database and its restore", async () => {
        const output = this.#folder.join(`last-${n}.db`);
        await restore({ replicas: [{ name: "replica", client: oracle.client }], output });
        score.restores++;
        for (const line of compareDatabases(this.#database, output))
          score.violated(`live and restored differ: ${line}`);
        oracle.judgePrefixes(output);
      });
      if (this.#case.seed % LITESTREAM_EACH !== 0) continue;
      await score.check("Litestream 0.3.13", async () => {
        const output = this.#folder.join(`litestream-${n}.db`);
        await restoreWith("0.3.13", this.#replicas[n] ?? "", output);
        score.restoresByLitestream++;
        for (const line of compareDatabases(this.#database, output))
          score.violated(`live and Litestream's restore differ: ${line}`);
      });
    }
    await score.check("the database file without its WAL", () => {
      const alone = this.#folder.join("alone.db");
      fs.copyFileSync(this.#database, alone);
      const [whole, without] = [verifyLedger(this.#database), verifyLedger(alone)];
      if (without.firstBreak !== undefined || without.lastSeq !== whole.lastSeq)
        score.violated(`after a stop the file alone ends at ${without.lastSeq}, not at ${whole.lastSeq}`);
    });
  }
}

/** Why a new generation was right although something seems to stand against it. */
function excuseOf({ against }: Beginning, before: Incident): string | undefined {
  return before === "spool-cut" && against?.includes("spool") === true ? "the spool is damaged" : undefined;
}

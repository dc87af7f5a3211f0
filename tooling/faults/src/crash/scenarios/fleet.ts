// A fleet in a container: the lease, the manifest, restore points, and the restore of what is missing at a boot. The process is killed;
// the disk stays or is lost with the application; and each time everything is restored.
import fs from "node:fs";
import path from "node:path";
import {
  compareDatabases,
  judgeShards,
  ManagedProcess,
  shardedWriterCommand,
  tempDir,
  type TempDir,
} from "@litewake-tooling/testkit";
import { type FleetMember, listPoints, type PointTarget, restoreFleet, type Sharding } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { file } from "@litewake/file";
import { type Random, seeded } from "../../../../testkit/writers/random.ts";
import { type Case, type CaseResult, liveMs, Score } from "../case.ts";
import { Life } from "../life.ts";
import { Commits } from "../commits.ts";
import type { Point } from "../point.ts";
import { fleetSettings } from "../settings.ts";
import type { FleetSubject } from "../subject/options.ts";

const SHARDS = 2;
const COUNTED_MS = 1200;
const RESTORED_MS = 120_000;
const WRITER_PAUSE_MS = 20;
const sharding: Sharding = {
  shards: Array.from({ length: SHARDS }, (_, n) => `shard_${n}`),
  hashBits: 32,
  dlq: "dlq",
};

/** What becomes of the disk and of the application while the follower is dead. */
type Incident = "kept" | "writer-killed" | "disk-lost";
const incidents: readonly Incident[] = ["kept", "writer-killed", "disk-lost", "disk-lost"];

export async function runFleet(what: Case): Promise<CaseResult> {
  using folder = tempDir("crash");
  const score = new Score(what);
  const client = await file.open({ url: `file://${folder.join("replica")}`, settings: {}, env: {} });
  await using run = new FleetRun(what, folder, score, client);
  await run.run();
  return score.result(SHARDS + 1);
}

class FleetRun implements AsyncDisposable {
  readonly #case: Case;
  readonly #folder: TempDir;
  readonly #score: Score;
  readonly #client: ReplicaClient;
  readonly #random: Random;
  readonly #settings: ReturnType<typeof fleetSettings>;
  readonly #commits: Commits;
  readonly #data: string;
  #writer: ManagedProcess | undefined;
  #writers = 0;
  #restores = 0;

  constructor(what: Case, folder: TempDir, score: Score, client: ReplicaClient) {
    this.#case = what;
    this.#folder = folder;
    this.#score = score;
    this.#client = client;
    this.#random = seeded(what.seed);
    this.#settings = fleetSettings(this.#random);
    this.#commits = new Commits(folder.join("ledger"));
    this.#data = folder.join("data");
    fs.mkdirSync(this.#data);
  }

  async run(): Promise<void> {
    const { points } = this.#case;
    const lives: (Point | undefined)[] = points.length === 0 ? [undefined, undefined] : [...points, undefined];
    let before: Incident = "kept";
    for (const [n, point] of lives.entries()) {
      const isLast = n === lives.length - 1;
      const next = points.length === 0 ? "disk-lost" : this.#random.pick(incidents);
      const companion = !isLast && next !== "kept" ? this.#writer : undefined;
      await using life = new Life(this.#subject(point, companion?.running === true ? companion.pid : undefined));
      this.#score.at = `life ${n + 1}, ${life.name}, after ${before}`;
      await this.#boot(life);
      const end = await life.end(points.length === 0 ? COUNTED_MS : liveMs(this.#random), async () => {
        // Killed, it may leave a commit that it did not live to publish: the live database has it as soon as somebody opens it.
        if (isLast) await this.#writer?.stop();
      });
      this.#score.life(point, end, life.process.lines);
      if (point === undefined && end === "stopped") this.#score.counted(life.counts);
      this.#judgeLife(life);
      if (isLast) break;
      if (next !== "kept") await this.#killWriter();
      await this.#score.check("restore", () => this.#judgeReplica());
      // A boot that was cut off is mostly seen again with what it left.
      if (next === "disk-lost" && (life.has("restored") || this.#random.below(2) === 0)) {
        fs.rmSync(this.#data, { recursive: true });
        fs.mkdirSync(this.#data);
      }
      before = next;
    }
    this.#score.at = `the end, after ${before}`;
    await this.#score.check("restore", () => this.#judgeReplica());
    await this.#score.check("the live databases and their restore", () => this.#judgeEnd());
  }

  /** The application begins when everything that was missing is there. */
  async #boot(life: Life): Promise<void> {
    try {
      await life.process.waitFor(/^restored/, RESTORED_MS);
    } catch (error) {
      if (life.process.running) throw error;
      return;
    }
    if (this.#writer?.running === true) return;
    // What was committed after the last sync went with the disk, or was there all the time.
    this.#commits.forget(this.#data, SHARDS, this.#score);
    const words = shardedWriterCommand(this.#data, SHARDS, ++this.#writers, 0, this.#commits.file, WRITER_PAUSE_MS);
    const [command = "", ...args] = words;
    this.#writer = new ManagedProcess(command, args);
    await this.#writer.waitFor(/^started/, RESTORED_MS);
  }

  async #killWriter(): Promise<void> {
    await this.#writer?.kill9();
  }

  #subject(point: Point | undefined, companion: number | undefined): FleetSubject {
    const { seed } = this.#case;
    const replica = this.#folder.join("replica");
    const where = { folder: this.#data, replica, shards: SHARDS, ledger: this.#commits.file };
    return { work: "fleet", point, seed, companion, ...where, ...this.#settings };
  }

  #judgeLife(life: Life): void {
    this.#commits.acknowledged(life.acks.at(-1)?.upTo ?? 0);
    this.#score.began(life.beginnings);
    this.#score.wentOn(
      life.log.flatMap(({ message, how }) => (message === "same generation goes on" ? [String(how)] : [])),
    );
    for (const { reason, against } of life.beginnings)
      if (against !== null) this.#score.violated(`a new generation began (${reason}), although ${against}`);
    const expected =
      /^(the database does not continue|no restore point this time|an earlier restore was whole|journal mode changed)/;
    for (const { level, message, ...fields } of life.log)
      if (level !== "info" && !expected.test(message))
        this.#score.violated(`${level}: ${message} ${JSON.stringify(fields)}`);
  }

  async #restored(target?: PointTarget): Promise<{ folder: string; takenAt: Date | undefined } | undefined> {
    const folder = this.#folder.join(`back-${this.#restores++}`);
    const members: FleetMember[] = [...sharding.shards, "dlq"].map((name) => ({
      name,
      path: path.join(folder, `${name}.db`),
    }));
    const { restored, point } = await restoreFleet({
      client: this.#client,
      sharding,
      members,
      target,
      integrityCheck: "none",
    });
    this.#score.restores += restored.length;
    return restored.length === 0 ? undefined : { folder, takenAt: point?.takenAt };
  }

  /** The newest state, the newest point and one of the others: nothing acknowledged is missing, and a point is one moment. */
  async #judgeReplica(): Promise<void> {
    const newest = await this.#restored();
    if (newest !== undefined || this.#commits.acked > 0)
      this.#commits.judge(newest?.folder ?? "", SHARDS, this.#commits.acked, this.#score);
    const points = await listPoints(this.#client);
    const last = points.at(-1);
    if (last === undefined) return;
    const { retentionMs } = this.#settings;
    const inWindow = points.filter(
      ({ publishedAt }) => publishedAt.getTime() >= last.publishedAt.getTime() - retentionMs / 2,
    );
    for (const { publishedAt } of new Set([last, this.#random.pick(inWindow)])) {
      const back = await this.#restored({ timestamp: publishedAt });
      if (back?.takenAt === undefined) {
        this.#score.violated(`the point of ${publishedAt.toISOString()} holds nothing`);
        continue;
      }
      const { misplaced } = judgeShards(back.folder, SHARDS);
      const torn = this.#commits.torn(back.folder, SHARDS);
      if (torn > 0 || misplaced > 0)
        this.#score.violated(`the point of ${publishedAt.toISOString()} is torn: ${torn} keys, ${misplaced} misplaced`);
      this.#commits.judge(
        back.folder,
        SHARDS,
        this.#commits.before(back.takenAt),
        this.#score,
        `the point taken ${back.takenAt.getTime()}`,
      );
    }
  }

  async #judgeEnd(): Promise<void> {
    const newest = await this.#restored();
    for (const name of [...sharding.shards, "dlq"]) {
      const live = path.join(this.#data, `${name}.db`);
      for (const line of compareDatabases(live, path.join(newest?.folder ?? "", `${name}.db`)))
        this.#score.violated(`${name}: live and restored differ: ${line}`);
    }
    const left = fs.readdirSync(this.#data).filter((name) => name.includes("restor") || name.endsWith(".tmp"));
    if (left.length > 0) this.#score.violated(`files of restores are left: ${left.join(", ")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#killWriter();
  }
}

// What an application of shards has committed, by its own record, and which of it a restore must have.
import fs from "node:fs";
import path from "node:path";
import { keysIn } from "@litewake-tooling/testkit";
import type { Score } from "./case.ts";

interface Commit {
  readonly key: string;
  readonly shard: number;
  readonly atMs: number;
  /** Where its line ends in the record. */
  readonly end: number;
}

export class Commits {
  /** The application appends a line to it for each commit. */
  readonly file: string;
  /** Keys that went with a disk: never acknowledged. */
  readonly #gone = new Set<string>();
  #acked = 0;

  constructor(file: string) {
    this.file = file;
    fs.writeFileSync(file, "");
  }

  /** Up to this byte of the record everything is in the replica. */
  get acked(): number {
    return this.#acked;
  }

  acknowledged(upTo: number): void {
    this.#acked = Math.max(this.#acked, upTo);
  }

  /** Bytes of the record that were written before a moment. */
  before(moment: Date): number {
    return this.#all().findLast(({ atMs }) => atMs < moment.getTime())?.end ?? 0;
  }

  /** Everything up to `upTo` that did not go with a disk must be in the shards; and of the rest, nothing after a hole. */
  judge(folder: string, shards: number, upTo: number, score: Score, what = "the newest state"): void {
    const there = keysOf(folder, shards);
    const commits = this.#all();
    const missing = commits.filter(({ key, end }) => end <= upTo && !there.has(key));
    if (missing.length > 0)
      score.violated(
        `${what}: ${missing.length} of the keys acknowledged are not restored, the first is ${missing[0]?.key} of ${missing[0]?.atMs}`,
      );
    for (let shard = 0; shard < shards; shard++) {
      const own = commits.filter((commit) => commit.shard === shard);
      const hole = own.findIndex(({ key }) => !there.has(key));
      const after = hole < 0 ? undefined : own.slice(hole).find(({ key }) => there.has(key));
      if (after !== undefined)
        score.violated(`shard ${shard}: ${after.key} is restored, ${own[hole]?.key} before it is not`);
    }
  }

  /** Keys that the queue has and no shard, where that is not what a lost disk has left of their commits. */
  torn(folder: string, shards: number): number {
    const there = keysOf(folder, shards);
    return keysIn(path.join(folder, "dlq.db")).filter((key) => !there.has(key) && !this.#gone.has(key)).length;
  }

  /** A new life of the application begins with what is in the folder: the rest is forgotten, unless it was acknowledged. */
  forget(folder: string, shards: number, score: Score): void {
    this.judge(folder, shards, this.#acked, score);
    const there = keysOf(folder, shards);
    for (const { key } of this.#all()) if (!there.has(key)) this.#gone.add(key);
  }

  #all(): Commit[] {
    const commits: Commit[] = [];
    let end = 0;
    for (const line of fs.readFileSync(this.file, "utf8").split("\n").slice(0, -1)) {
      end += Buffer.byteLength(line) + 1;
      const [key = "", shard, atMs] = line.split(" ");
      if (!this.#gone.has(key)) commits.push({ key, shard: Number(shard), atMs: Number(atMs), end });
    }
    return commits;
  }
}

function keysOf(folder: string, shards: number): Set<string> {
  const keys = new Set<string>();
  for (let shard = 0; shard < shards; shard++)
    for (const key of keysIn(path.join(folder, `shard_${shard}.db`))) keys.add(key);
  return keys;
}

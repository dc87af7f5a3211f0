// What a replica of a ledger is judged by: it restores, to an unbroken prefix, with everything acknowledged, and never goes back.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { LitewakeError, readCatalog, restore, type RestoreTarget } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { verifyLedger } from "@litewake-tooling/testkit";
import type { Random } from "../../../testkit/writers/random.ts";
import type { Score } from "./case.ts";
import type { Ack } from "./life.ts";

/** A restored ledger's end. */
interface Restored {
  readonly seq: number;
  readonly hash: string;
}

export class ReplicaOracle {
  readonly client: ReplicaClient;
  readonly #number: number;
  readonly #folder: string;
  readonly #score: Score;
  readonly #retentionMs: number;
  readonly #seen: Restored[] = [];
  #made = 0;
  #newest = 0;

  /** `number`: which of the replicas it is. `folder` is for the restores. `retentionMs` 0: every instant since the beginning is kept. */
  constructor(client: ReplicaClient, number: number, folder: string, score: Score, retentionMs: number) {
    this.client = client;
    this.#number = number;
    this.#folder = folder;
    this.#score = score;
    this.#retentionMs = retentionMs;
  }

  /** Restores to `target`; undefined where the replica holds no backup. */
  async restored(target: RestoreTarget = {}): Promise<Restored | undefined> {
    const output = path.join(this.#folder, `restored-${this.#made++}.db`);
    try {
      // The ledger's own check looks at the file closely.
      await restore({ replicas: [{ name: "replica", client: this.client }], output, target, integrityCheck: "none" });
      this.#score.restores++;
      const proof = verifyLedger(output);
      if (proof.firstBreak !== undefined) this.#score.violated(`what is restored is broken: ${proof.firstBreak}`);
      const end = { seq: proof.lastSeq, hash: hashAt(output, proof.lastSeq) };
      this.#seen.push(end);
      return end;
    } catch (error) {
      if (error instanceof LitewakeError && error.kind === "no-backup") return undefined;
      throw error;
    } finally {
      fs.rmSync(output, { force: true });
    }
  }

  /** The newest state, and some moments of the window, against all that was acknowledged so far. */
  async judge(acks: readonly Ack[], random: Random): Promise<void> {
    const acknowledged = acks.at(-1)?.upTo ?? 0;
    await this.#score.check("restore", async () => {
      const newest = await this.restored();
      const seq = newest?.seq ?? 0;
      if (newest === undefined && acks.length > 0) this.#score.violated("acknowledged, but there is no backup");
      if (seq < acknowledged) this.#score.violated(`acknowledged up to ${acknowledged}, restored up to ${seq}`);
      if (seq < this.#newest) this.#score.violated(`restored up to ${seq}, after ${this.#newest} before`);
      this.#newest = Math.max(seq, this.#newest);
    });
    await this.#score.check("restore to a moment of the window", () => this.#judgeMoments(acks, random));
  }

  async #judgeMoments(acks: readonly Ack[], random: Random): Promise<void> {
    const { newestAt } = await readCatalog(this.client);
    const fromMs = this.#retentionMs === 0 ? 0 : (newestAt?.getTime() ?? 0) - this.#retentionMs;
    const dated = acks.map(({ upTo, atMs }) => ({ upTo, atMs: atMs[this.#number] ?? 0 }));
    const inWindow = dated.filter(({ atMs }) => atMs > 0 && atMs >= fromMs);
    const first = inWindow[0];
    if (first === undefined) return;
    for (const { upTo, atMs } of new Set([first, random.pick(inWindow)])) {
      const moment = new Date(atMs);
      const then = await this.restored({ timestamp: moment });
      if (then === undefined) this.#score.violated(`${moment.toISOString()} is in the window, and nothing restores it`);
      else if (then.seq < upTo)
        this.#score.violated(`at ${moment.toISOString()} ${upTo} was acknowledged, restored up to ${then.seq}`);
    }
  }

  /** Everything restored so far must be a prefix of the ledger that lives. */
  judgePrefixes(live: string): void {
    for (const { seq, hash } of this.#seen) {
      if (hashAt(live, seq) !== hash)
        this.#score.violated(`a restore ended at ${seq}, with another row than the ledger's`);
    }
  }
}

/** Of a ledger that nobody has open. */
function hashAt(file: string, seq: number): string {
  if (seq === 0) return "";
  const url = pathToFileURL(file);
  url.searchParams.set("immutable", "1");
  const database = new DatabaseSync(url);
  try {
    return String(database.prepare("select hash from ledger where seq = ?").get(seq)?.["hash"]);
  } finally {
    database.close();
  }
}

// One life of the process that is killed: started, let live until its point, and what it said until then.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFolder, ManagedProcess } from "@litewake-tooling/testkit";
import { type Counts, formatPoint } from "./point.ts";
import type { Subject } from "./subject/options.ts";

const program = path.join(import.meta.dirname, "subject/main.ts");
const START_MS = 120_000;
const GIVE_UP_MS = 120_000;
const STOP_MS = 120_000;

export interface Ack {
  readonly upTo: number;
  /** For each replica its date of the newest object that this life had stored by then; 0: none yet. */
  readonly atMs: readonly number[];
}

export interface Beginning {
  readonly replica: string;
  readonly reason: string;
  /** The replica held no history before. */
  readonly first: boolean;
  /** What stands against the reason. */
  readonly against: string | null;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export type LifeEnd = "killed" | "missed" | "stopped" | "failed";

export class Life implements AsyncDisposable {
  readonly subject: Subject;
  readonly process: ManagedProcess;

  constructor(subject: Subject) {
    this.subject = subject;
    this.process = new ManagedProcess(
      process.execPath,
      ["--conditions=@litewake/source", "--disable-warning=ExperimentalWarning", program, JSON.stringify(subject)],
      { env: { NODE_COMPILE_CACHE: compileCache() } },
    );
  }

  /**
   * Lives until its point, or, where the point is in its end or there is none, until it is asked to end `liveMs` after its start.
   * `onStart` is called when it runs.
   */
  async end(liveMs: number, onStart: () => Promise<void> = async () => {}): Promise<LifeEnd> {
    const { point } = this.subject;
    const asked = point === undefined || point.phase === "stop";
    try {
      await this.process.waitFor(/^started/, START_MS);
      await onStart();
      // A point that does not come is given up: the process is killed wherever it is then.
      if (asked) await Promise.race([this.process.ended, sleep(liveMs)]);
      else await this.process.waitFor(/^given up$/, GIVE_UP_MS);
      if (asked) await this.process.stop(STOP_MS);
    } catch (error) {
      // It ended before it ran: at its point, or for a reason that it said.
      if (this.process.running) throw error;
    }
    return this.#verdict();
  }

  /** As `end`, for a process that ends by itself. */
  async itsOwnEnd(): Promise<LifeEnd> {
    await this.process.ended;
    return this.#verdict();
  }

  async #verdict(): Promise<LifeEnd> {
    const missed = this.process.running;
    const { signal, code } = await this.process.kill9();
    if (signal === "SIGKILL") return missed ? "missed" : "killed";
    return code === 0 && this.#last("stopped") !== undefined ? "stopped" : "failed";
  }

  /** Places reached; of a life that ended well. */
  get counts(): Counts {
    return JSON.parse(this.#last("stopped") ?? "{}") as Counts;
  }

  get acks(): Ack[] {
    return this.#said("acked").map((text) => {
      const [upTo = 0, ...atMs] = text.split(" ").map(Number);
      return { upTo, atMs };
    });
  }

  get beginnings(): Beginning[] {
    return this.#said("begins").map((text) => JSON.parse(text) as Beginning);
  }

  get log(): LogLine[] {
    return this.#said("log").map((text) => JSON.parse(text) as LogLine);
  }

  get name(): string {
    const { point } = this.subject;
    return point === undefined ? "the last life" : formatPoint(point);
  }

  has(word: string): boolean {
    return this.#last(word) !== undefined;
  }

  #said(word: string): string[] {
    const start = `${word} `;
    return this.process.lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
  }

  #last(word: string): string | undefined {
    return this.process.lines.some((line) => line === word) ? "" : this.#said(word).at(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill9();
  }
}

/** Compiled sources: with them a start takes 90 ms, without 250. Only a process that ends by itself writes them. */
function compileCache(): string {
  const folder = path.join(cacheFolder, "compiled");
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

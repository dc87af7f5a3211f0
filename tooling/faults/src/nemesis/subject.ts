// The replicator under trial: started, killed, started again, asked for syncs; and what it has acknowledged.
import path from "node:path";
import { cacheFolder, ManagedProcess } from "@litewake-tooling/testkit";
import type { ReplicatorOptions } from "./replicator.ts";

/** Half of the time of a start is the reading of the sources. */
export const compileCache: string = path.join(cacheFolder, "node-compile");

const program = path.join(import.meta.dirname, "replicator.ts");

export interface SubjectEvent {
  readonly event: string;
  readonly id?: number;
  readonly message?: string;
  readonly level?: string;
}

export interface SubjectOptions {
  readonly options: ReplicatorOptions;
  /** The last row that is certainly committed now. */
  readonly committed: () => number;
  /** A sync was acknowledged: everything up to this row is in the replica. */
  readonly onAcknowledged: (seq: number) => void;
  /** It has ended by itself. */
  readonly onEnded: (why: string) => void;
}

export class Subject implements AsyncDisposable {
  readonly #options: SubjectOptions;
  #process: ManagedProcess | undefined;
  #read = 0;
  #next = 1;
  #asked = new Map<number, number>();
  #killed = false;
  #up = false;
  #started = false;
  /** Everything that any of its processes said. */
  readonly said: SubjectEvent[] = [];

  constructor(options: SubjectOptions) {
    this.#options = options;
  }

  /** Whether its code is loaded and it is at work, or it has ended by itself. */
  get up(): boolean {
    return this.#up;
  }

  /** Whether it has started, or ended by itself. */
  get started(): boolean {
    return this.#started;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** The process at work, for what the system says of it. */
  get pid(): number | undefined {
    return this.running ? this.#process?.pid : undefined;
  }

  start(): void {
    const args = ["--conditions=@litewake/source", "--disable-warning=ExperimentalWarning", program];
    const started = new ManagedProcess(process.execPath, [...args, JSON.stringify(this.#options.options)], {
      env: { NODE_COMPILE_CACHE: compileCache },
    });
    this.#process = started;
    this.#read = 0;
    this.#asked = new Map();
    this.#killed = false;
    this.#up = false;
    this.#started = false;
    void this.#watch(started);
  }

  async #watch(started: ManagedProcess): Promise<void> {
    await started.ended;
    this.look();
    if (this.#process !== started) return;
    this.#up = true;
    this.#started = true;
    if (!this.#killed) this.#options.onEnded(this.said.at(-1)?.message ?? started.lines.slice(-3).join(" "));
  }

  /** Takes in what it has said. */
  look(): void {
    const lines = this.#process?.lines ?? [];
    for (; this.#read < lines.length; this.#read++) {
      const line = lines[this.#read] ?? "";
      if (!line.startsWith("{")) {
        this.said.push({ event: "raw", message: line });
        continue;
      }
      const event = JSON.parse(line) as SubjectEvent;
      this.said.push(event);
      if (event.event === "up") this.#up = true;
      if (event.event === "started") this.#started = true;
      const seq = this.#asked.get(event.id ?? 0);
      if (event.event !== "synced" || seq === undefined) continue;
      this.#asked.delete(event.id ?? 0);
      this.#options.onAcknowledged(seq);
    }
  }

  /** Asks for a sync of what is committed now; its answer may never come. */
  ask(): void {
    if (!this.running) return;
    const id = this.#next++;
    this.#asked.set(id, this.#options.committed());
    this.#process?.write(`sync ${id}\n`);
  }

  /** Asks, and waits for the answer. */
  async synced(timeoutMs: number): Promise<void> {
    const running = this.#process;
    if (running === undefined) throw new Error("it does not run");
    await running.waitFor(/"event":"started"/, timeoutMs);
    const id = this.#next;
    this.ask();
    const line = await running.waitFor(new RegExp(`"event":"(un)?synced","id":${id}\\b`), timeoutMs);
    this.look();
    if (line.includes("unsynced")) throw new Error(line);
  }

  async kill(): Promise<void> {
    this.#killed = true;
    await this.#process?.kill9();
    this.look();
  }

  /** An orderly stop; resolves with the exit code. */
  async stop(timeoutMs: number): Promise<number | null> {
    this.#killed = true;
    const end = await this.#process?.stop(timeoutMs);
    this.look();
    return end?.code ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

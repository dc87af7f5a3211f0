// A child process under a test's control: its output by line, waiting for a line, and the signals that tests need. It
// never outlives the test process.
import { type ChildProcess, spawn } from "node:child_process";
import { childEnded, watchChild } from "./reaper.ts";

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  readonly cwd?: string | undefined;
  /** Added to the test's own environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Other user and group ids, for tests that run as root but need somebody who may less. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

interface Waiter {
  readonly pattern: RegExp;
  readonly resolve: (line: string) => void;
}

const DEFAULT_WAIT_MS = 30_000;

export class ManagedProcess implements AsyncDisposable {
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #end: ProcessEnd | undefined;

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#name = [command, ...args].map((part) => part.split("/").at(-1)).join(" ");
    this.#child = spawn(command, [...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    const { pid } = this.#child;
    if (pid !== undefined) watchChild(pid);
    this.#child.stdin?.on("error", () => {});
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) this.#takeLines(stream);
    }
    this.ended = new Promise((resolve) => {
      const settle = (end: ProcessEnd) => {
        if (this.#end === undefined && pid !== undefined) childEnded(pid);
        this.#end = end;
        resolve(end);
      };
      this.#child.on("error", (error) => {
        this.#lines.push(`could not be started: ${error.message}`);
        settle({ code: null, signal: null });
      });
      // "close", not "exit": every line has been read then.
      this.#child.on("close", (code, signal) => settle({ code, signal }));
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#name} did not start`);
    return pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#end === undefined;
  }

  /** Standard output and standard error, line by line as they came. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  output(): string {
    return this.#lines.join("\n");
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /**
   * The first line that matches, also one already seen from line number `from` on (default: any). Fails after
   * `timeoutMs`, or as soon as the process ended without one, with all of its output.
   */
  async waitFor(pattern: RegExp, timeoutMs: number = DEFAULT_WAIT_MS, from = 0): Promise<string> {
    const seen = this.#lines.slice(from).find((line) => pattern.test(line));
    if (seen !== undefined) return seen;
    const failed = (why: string) => new Error(`${this.#name}: no line ${pattern} ${why}; it said:\n${this.output()}`);
    let timer: NodeJS.Timeout | undefined;
    let waiter: Waiter | undefined;
    try {
      return await new Promise<string>((resolve, reject) => {
        waiter = { pattern, resolve };
        this.#waiters.add(waiter);
        timer = setTimeout(() => reject(failed(`within ${timeoutMs} ms`)), timeoutMs);
        void this.ended.then(() => reject(failed("before it ended")));
      });
    } finally {
      clearTimeout(timer);
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }

  /** Ends its standard input. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.#child.kill(name);
  }

  /** SIGTERM, and waits for the end; after `timeoutMs` it is killed and the call fails. */
  async stop(timeoutMs: number = DEFAULT_WAIT_MS): Promise<ProcessEnd> {
    this.signal("SIGTERM");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.signal("SIGKILL");
        reject(new Error(`${this.#name} did not stop within ${timeoutMs} ms; it said:\n${this.output()}`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async kill9(): Promise<ProcessEnd> {
    this.signal("SIGKILL");
    return await this.ended;
  }

  pause(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
  }

  #takeLines(stream: NodeJS.ReadableStream): void {
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) this.#takeLine(line);
    });
    stream.on("end", () => {
      if (rest !== "") this.#takeLine(rest);
    });
  }

  #takeLine(line: string): void {
    this.#lines.push(line);
    for (const waiter of this.#waiters) {
      if (waiter.pattern.test(line)) waiter.resolve(line);
    }
  }
}

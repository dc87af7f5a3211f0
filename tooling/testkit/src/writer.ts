// Writers of the ledger, each in a process of its own: started, watched, stopped, killed.
import path from "node:path";
import { ManagedProcess, type SpawnOptions } from "./managed-process.ts";
import { writersFolder } from "./repository.ts";
import { sqliteShell } from "./sqlite-shell.ts";

export type WriterKind = "node-sqlite" | "better-sqlite3" | "python" | "shell";

export const writerKinds: readonly WriterKind[] = ["node-sqlite", "better-sqlite3", "python", "shell"];

/** See `writers/contract.ts`; what is not named keeps SQLite's or the contract's own value. */
export interface WriterOptions {
  /** Transactions a second; 0 (the default) is as fast as it goes. */
  readonly rate?: number;
  /** Ends by itself after so many commits. */
  readonly commits?: number;
  /** Ends by itself after so many seconds. */
  readonly seconds?: number;
  /** A transaction appends 1 up to so many rows. */
  readonly rows?: number;
  readonly payloadBytes?: number;
  readonly touchEvery?: number;
  readonly begin?: "immediate" | "deferred";
  readonly busyTimeoutMs?: number;
  readonly synchronous?: "off" | "normal" | "full";
  /** Pages. */
  readonly autocheckpoint?: number;
  /** Bytes; -1 is no limit. */
  readonly journalSizeLimit?: number;
  readonly pageSize?: number;
  /** A `committed` line each so many commits: what `committed()` knows. */
  readonly reportEvery?: number;
  readonly reopenEvery?: number;
  /** "TRUNCATE:100": a checkpoint of this mode each 100 ms on the writing connection. */
  readonly checkpoint?: `${"PASSIVE" | "FULL" | "RESTART" | "TRUNCATE"}:${number}`;
  readonly journalMode?: "wal" | "delete";
}

export interface WriterReport {
  readonly commits: number;
  readonly lastSeq: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How often each error was met; the transaction was tried again. */
  readonly errors: Readonly<Record<string, number>>;
}

/** A writer at work. */
export class Writer implements AsyncDisposable {
  readonly process: ManagedProcess;
  #seen = 0;
  #committed = 0;

  constructor(running: ManagedProcess) {
    this.process = running;
  }

  /** The last sequence number that the writer said is committed; 0 before the first. More may be by now. */
  committed(): number {
    const { lines } = this.process;
    for (; this.#seen < lines.length; this.#seen++) {
      const said = /^committed (\d+) /.exec(lines[this.#seen] ?? "");
      if (said !== null) this.#committed = Number(said[1]);
    }
    return this.#committed;
  }

  /** Resolves once `seq` is committed; fails after `timeoutMs` or when the writer ended before. */
  async reached(seq: number, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.committed() < seq) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`the writer is at ${this.committed()}, not ${seq}, after ${timeoutMs} ms`);
      await this.process.waitFor(/^committed /, left, this.#seen);
    }
  }

  /** Its report, once it ended by itself or was stopped; fails if it broke or was killed. */
  async finished(): Promise<WriterReport> {
    return await reportOf<WriterReport>(this.process);
  }

  /** Ends it between two transactions. */
  async stop(): Promise<WriterReport> {
    await this.process.stop();
    return await this.finished();
  }

  /** SIGKILL, in the middle of whatever it does; resolves with the last sequence number it had reported. */
  async kill(): Promise<number> {
    await this.process.kill9();
    return this.committed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill9();
  }
}

/** Starts a writer on `database`; resolves when it has opened it and the ledger's tables are there. */
export async function spawnWriter(
  kind: WriterKind,
  database: string,
  options: WriterOptions = {},
  spawnOptions: SpawnOptions = {},
): Promise<Writer> {
  const env = kind === "shell" ? { LITEWAKE_SQLITE_SHELL: await sqliteShell() } : {};
  const [command, file] = kind === "python" ? ["python3", "python_sqlite.py"] : [process.execPath, `${kind}.ts`];
  const args = [path.join(writersFolder, file), database, ...commandLine(options)];
  const running = new ManagedProcess(command, args, { ...spawnOptions, env: { ...env, ...spawnOptions.env } });
  await running.waitFor(/^ready$/);
  return new Writer(running);
}

/** `{ payloadBytes: 9 }` as `--payload-bytes 9`. */
export function commandLine(options: object): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, String(value)],
  );
}

/** The JSON of a program's `report` line, once it ended well. */
export async function reportOf<T>(running: ManagedProcess): Promise<T> {
  const { code, signal } = await running.ended;
  const line = running.lines.findLast((text) => text.startsWith("report "));
  if (line === undefined || code !== 0) {
    throw new Error(`it ended with ${signal ?? code} and no report; it said:\n${running.lines.slice(-20).join("\n")}`);
  }
  return JSON.parse(line.slice("report ".length)) as T;
}

// What other people's programs do beside a replicator: read for long, checkpoint all the time, watch, burn the processor,
// die at the worst moment.
import path from "node:path";
import { ManagedProcess } from "./managed-process.ts";
import { writersFolder } from "./repository.ts";
import { runToEnd } from "./run-to-end.ts";
import { commandLine, reportOf } from "./writer.ts";

/** A program that runs until it is stopped and then reports. */
export class Companion<Report> implements AsyncDisposable {
  readonly process: ManagedProcess;

  constructor(running: ManagedProcess) {
    this.process = running;
  }

  async stop(): Promise<Report> {
    await this.process.stop();
    return await reportOf<Report>(this.process);
  }

  /** What it reports when it ends by itself. */
  async finished(): Promise<Report> {
    return await reportOf<Report>(this.process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill9();
  }
}

async function companion<Report>(program: string, database: string, options: object): Promise<Companion<Report>> {
  const args = [path.join(writersFolder, `${program}.ts`), database, ...commandLine(options)];
  const running = new ManagedProcess(process.execPath, args);
  await running.waitFor(/^ready$/);
  return new Companion<Report>(running);
}

/** Holds a read transaction of `holdMs` over and over; prints `holding` for each. */
export async function spawnLongReader(
  database: string,
  options: { readonly holdMs?: number; readonly pauseMs?: number } = {},
): Promise<Companion<{ readonly held: number }>> {
  return await companion("reader", database, options);
}

export interface CheckpointReport {
  readonly done: number;
  readonly busy: number;
  readonly longestMs: number;
  readonly byMode: Readonly<Record<string, { readonly done: number; readonly busy: number }>>;
  readonly errors: Readonly<Record<string, number>>;
}

/** Checkpoints in a loop; `modes` is comma-separated (default: all four in turn). */
export async function spawnCheckpointer(
  database: string,
  options: { readonly modes?: string; readonly everyMs?: number; readonly busyTimeoutMs?: number } = {},
): Promise<Companion<CheckpointReport>> {
  return await companion("checkpointer", database, options);
}

/** Counts the changes of `PRAGMA data_version` as seen from another connection. */
export async function spawnDataVersionWatcher(
  database: string,
  options: { readonly everyMs?: number } = {},
): Promise<Companion<{ readonly looks: number; readonly changes: number }>> {
  return await companion("data-version", database, options);
}

export interface WorkloadOptions {
  readonly seed?: number;
  readonly steps?: number;
  readonly pageSize?: number;
  readonly autoVacuum?: "none" | "full" | "incremental";
  readonly maxBlobBytes?: number;
  /** One transaction of so many bytes, halfway. */
  readonly hugeBytes?: number;
  readonly pauseMs?: number;
  readonly busyTimeoutMs?: number;
  readonly encoding?: "UTF-8" | "UTF-16le" | "UTF-16be";
  /** "never": no VACUUM. */
  readonly vacuum?: "never";
}

/** A life in one database, the same for the same seed; ends by itself. Prints `step N KIND` after each step. */
export async function spawnWorkload(
  database: string,
  options: WorkloadOptions = {},
): Promise<Companion<{ readonly steps: number }>> {
  return await companion("workload", database, options);
}

/** Busy loops, until disposed. */
export async function cpuHogs(count: number): Promise<AsyncDisposable> {
  const hogs = Array.from(
    { length: count },
    () => new ManagedProcess(process.execPath, [path.join(writersFolder, "hog.ts")]),
  );
  await Promise.all(hogs.map((hog) => hog.waitFor(/^ready$/)));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(hogs.map((hog) => hog.kill9()));
    },
  };
}

/**
 * Leaves a valid, chained commit of `sql` behind the end of the WAL that SQLite knows, as a writer does that is killed
 * between its commit frame and the wal-index. Nobody may write meanwhile; the next writer overwrites it.
 */
export async function phantomCommit(
  database: string,
  sql: string,
): Promise<{ readonly offset: number; readonly frames: number }> {
  const { code, stdout, stderr } = await runToEnd(process.execPath, [
    path.join(writersFolder, "phantom.ts"),
    database,
    sql,
  ]);
  const line = stdout.split("\n").find((text) => text.startsWith("report "));
  if (code !== 0 || line === undefined) throw new Error(`no phantom commit was forged: ${stdout}${stderr}`);
  return JSON.parse(line.slice("report ".length)) as { offset: number; frames: number };
}

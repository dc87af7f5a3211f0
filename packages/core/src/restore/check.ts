// Asks SQLite itself whether a restored file is sound, before it gets its name.
import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Logger } from "../logger.ts";
import type { Position } from "../replica/position.ts";
import { type CheckAnswer, checkFile, type CheckRequest } from "./check-file.ts";
import { type Fault, RestoreRefusal } from "./refusal.ts";

/** `quick` proves the structure of every page, `full` also that indexes and tables agree. */
export type IntegrityCheck = "none" | "quick" | "full";

/** Checked in place: a thread takes 30 ms to start, which many shards together would feel. */
const SMALL_BYTES = 1 << 20;

export interface CheckRun {
  readonly file: string;
  readonly check: IntegrityCheck;
  /** For the refusal. */
  readonly position: Position;
  readonly fault: Fault;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Runs the check in a thread of its own where it may take a while, so that signals and progress go on. Throws kind `damaged` with what is wrong.
 * Rows that break a constraint of their own table are the application's doing, and a module or collation that only the
 * application has keeps SQLite from looking: both are warnings.
 */
export async function checkIntegrity({ file, check, position, fault, logger, signal }: CheckRun): Promise<void> {
  if (check === "none") return;
  const answer = await ask({ file, check }, signal);
  if (answer.unable !== undefined) {
    logger("warn", "the restored file could not be checked by SQLite", { reason: answer.unable });
    return;
  }
  const [constraint] = answer.problems.filter(isConstraint);
  if (constraint !== undefined) {
    logger("warn", "rows break a constraint of their table, as they did in the original", { first: constraint });
  }
  const [problem] = answer.problems.filter((line) => !isConstraint(line));
  if (problem === undefined) return;
  const { generation, index, offset } = position;
  // SQLite's text may have several lines.
  const what = `SQLite finds the restored database damaged (${problem.replace(/\s*\n\s*/g, " ")})`;
  throw new RestoreRefusal("damaged", what, { generation, index, offset }, { fault });
}

// SQLite's texts (pragma.c) for what a row may be while every page is sound.
function isConstraint(line: string): boolean {
  return /^(?:CHECK constraint failed in |(?:NULL|NUMERIC|TEXT|non-[A-Z]+) value in )/.test(line);
}

async function ask(request: CheckRequest, signal: AbortSignal): Promise<CheckAnswer> {
  signal.throwIfAborted();
  if (statSync(request.file).size <= SMALL_BYTES) return checkFile(request);
  const program = import.meta.url.endsWith(".ts") ? "./check-worker.ts" : "./check-worker.js";
  const worker = new Worker(new URL(program, import.meta.url), { workerData: request });
  let onAbort = () => {};
  try {
    return await new Promise((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the integrity check ended without an answer")));
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    const ended = worker.terminate();
    // A check under way cannot be interrupted: after an abort nobody waits for SQLite to come back.
    if (signal.aborted) worker.unref();
    else await ended;
  }
}

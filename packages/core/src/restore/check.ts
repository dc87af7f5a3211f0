// Asks SQLite itself whether a restored file is sound, before it gets its name.
import { Worker } from "node:worker_threads";
import type { Logger } from "../logger.ts";
import type { Position } from "../replica/position.ts";
import type { CheckAnswer } from "./check-worker.ts";
import { RestoreRefusal } from "./refusal.ts";

/** `quick` proves the structure of every page, `full` also that indexes and tables agree. */
export type IntegrityCheck = "none" | "quick" | "full";

/** Runs the check in a thread of its own, so that signals and progress go on. Throws kind `damaged` with what is wrong. */
export async function checkIntegrity(file: string, check: IntegrityCheck, position: Position, logger: Logger): Promise<void> {
  if (check === "none") return;
  const program = import.meta.url.endsWith(".ts") ? "./check-worker.ts" : "./check-worker.js";
  const worker = new Worker(new URL(program, import.meta.url), { workerData: { file, pragma: check === "full" ? "integrity_check" : "quick_check" } });
  const answer = await new Promise<CheckAnswer>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  if (answer.unable !== undefined) {
    logger("warn", "the restored file could not be checked by SQLite", { reason: answer.unable });
    return;
  }
  const [problem] = answer.problems;
  if (problem === undefined) return;
  const { generation, index, offset } = position;
  throw new RestoreRefusal("damaged", `SQLite finds the restored database damaged (${problem})`, { generation, index, offset });
}

// The thread that hashes the pages of a database file which stands still, so that the thread that follows is free for it and
// the file is let go soon.
import { parentPort, workerData } from "node:worker_threads";
import type { StandingFile } from "../shipping/standing-still.ts";
import { hashSteps } from "./page-hashes.ts";

export interface HashRequest extends StandingFile {
  /** A file that is not there yet. */
  readonly output: string;
}

export interface HashAnswer {
  readonly error: { readonly message: string; readonly code: string | undefined; readonly syscall: string } | undefined;
}

function answerOf(error: unknown): HashAnswer {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  const syscall = error instanceof Error && "syscall" in error ? String(error.syscall) : "";
  return { error: { message, code, syscall } };
}

if (parentPort !== null) {
  let answer: HashAnswer = { error: undefined };
  try {
    const { output, ...file } = workerData as HashRequest;
    for (const _ of hashSteps(file, output));
  } catch (error) {
    answer = answerOf(error);
  }
  parentPort.postMessage(answer);
}

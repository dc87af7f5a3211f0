// Runs a program to its end and hands back what it said; an exit code other than 0 is a result, not an error.
import { execFile } from "node:child_process";
import { childEnded, watchChild } from "./reaper.ts";
import type { SpawnOptions } from "./managed-process.ts";

export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends SpawnOptions {
  /** After this it is killed and the call fails. */
  readonly timeoutMs?: number | undefined;
}

/** Fails only if the program could not be started or took longer than allowed (default two minutes). */
export async function runToEnd(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  return await new Promise<RunResult>((resolve, reject) => {
    let late = false;
    const child = execFile(
      command,
      args,
      {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        maxBuffer: 256 * 1024 * 1024,
        ...(options.uid === undefined ? {} : { uid: options.uid }),
        ...(options.gid === undefined ? {} : { gid: options.gid }),
      },
      (error, stdout, stderr) => {
        clearTimeout(timer);
        if (child.pid !== undefined) childEnded(child.pid);
        if (late) {
          reject(
            new Error(`${command} ${args.join(" ")} took longer than ${timeoutMs} ms; it said:\n${stdout}${stderr}`),
          );
        } else if (error !== null && child.exitCode === null && child.signalCode === null) {
          reject(new Error(`${command} could not be run: ${error.message}`, { cause: error }));
        } else {
          resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
        }
      },
    );
    if (child.pid !== undefined) watchChild(child.pid);
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutMs);
  });
}

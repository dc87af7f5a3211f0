// The command line as users run it: what was built, in a process of its own.
import path from "node:path";
import { ManagedProcess, type SpawnOptions } from "./managed-process.ts";
import { repositoryRoot } from "./repository.ts";
import { type RunResult, runToEnd } from "./run-to-end.ts";

/** What `litewake` is in this checkout. */
export const litewakeBinary: string = path.join(repositoryRoot, "packages/litewake/bin/litewake.js");

/** Starts `litewake ARGS`; the handle waits for lines, stops, kills, pauses. */
export function spawnLitewake(args: readonly string[], options: SpawnOptions = {}): ManagedProcess {
  return new ManagedProcess(process.execPath, [litewakeBinary, ...args], options);
}

/** Runs `litewake ARGS` to its end. */
export async function runLitewake(
  args: readonly string[],
  options: SpawnOptions & { timeoutMs?: number } = {},
): Promise<RunResult> {
  return await runToEnd(process.execPath, [litewakeBinary, ...args], options);
}

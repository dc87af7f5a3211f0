// Has a drill held by a process of its own: at the lowest priority, with memory of its own that goes when it ends, and from
// the replica's place alone, as a stranger would who has nothing but the configuration.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type DrillTarget, LitewakeError, type ProveRestorable } from "@litewake/core";
import type { ReplicaConfig } from "../config/config.ts";
import type { DrillAnswer, DrillOrder } from "./messages.ts";

export interface DrillProcessOptions {
  readonly replicaOf: (target: DrillTarget) => ReplicaConfig | undefined;
  readonly packages: Readonly<Record<string, string>>;
  readonly from: readonly string[];
}

/** The process has ended, and writes nothing more, when what this answers has settled. */
export function drillByProcess({ replicaOf, packages, from }: DrillProcessOptions): ProveRestorable {
  return async (target, task, signal) => {
    const replica = replicaOf(target);
    if (replica === undefined)
      throw new LitewakeError("refused", `${target.path} is not in the configuration any more`);
    const answer = await run({ replica, packages, from, task }, signal);
    if ("proof" in answer) return answer.proof;
    throw new LitewakeError(answer.failure.kind, answer.failure.message);
  };
}

async function run(order: DrillOrder, signal: AbortSignal): Promise<DrillAnswer> {
  signal.throwIfAborted();
  const here = import.meta.url;
  const program = fileURLToPath(new URL(here.endsWith(".ts") ? "./drill-child.ts" : "./drill-child.js", here));
  // Only the switches that say how packages are found: a debugger's port is taken already.
  const execArgv = process.execArgv.filter((word) => /^(--conditions=|--disable-warning=|--no-warnings$)/.test(word));
  // Settings may hold secrets: they go over the channel, where no list of processes shows them.
  const child = fork(program, [order.task.folder], { execArgv, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const kill = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  let answer: DrillAnswer | undefined;
  try {
    return await new Promise<DrillAnswer>((resolve, reject) => {
      child.once("message", (message: DrillAnswer) => {
        answer = message;
        if (child.connected) child.disconnect();
      });
      child.once("error", (cause) =>
        reject(new LitewakeError("internal", `the drill cannot be started: ${cause.message}`)),
      );
      child.once("exit", (code, by) => {
        if (answer !== undefined) resolve(answer);
        else
          reject(
            new LitewakeError("internal", `the drill's process ended ${by === null ? `with ${code}` : `by ${by}`}`),
          );
      });
      child.send(order, (error) => {
        if (error !== null) kill();
      });
    });
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

// How `litewake replicate` ends: by a signal, with its child, or when nothing is left; always after a last sync.
import { type DatabaseStatus, LitewakeError, type Logger } from "@litewake/core";
import { Child } from "./child.ts";
import { EXIT_TAIL_NOT_DURABLE, exitCodeOf, lineOf } from "./exit-code.ts";
import { endsContainer } from "./first-process.ts";
import { othersEnded } from "./left-behind.ts";
import { StopSignals } from "./stop-signals.ts";

/** The last sync may take so long. */
const STOP_DEADLINE_MS = 30_000;
/** What is left behind by the child may take so long: an engine's last sync, and a little more. */
const LEFT_BEHIND_MS = 35_000;

/** What follows databases until it is told to stop. */
export interface Running {
  /** Resolves when nothing is left that can be shipped. */
  readonly givenUp: Promise<void>;
  /** The first failure that no retry can mend. */
  readonly failure: unknown;
  readonly status: readonly DatabaseStatus[];
  stop(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** Where nothing is replicated here and a child runs all the same. */
const nothingRunning: Running = {
  givenUp: new Promise(() => {}),
  failure: undefined,
  status: [],
  stop: async () => {},
};

/**
 * Runs a command, forwards signals, and answers its exit code. As the container's first process it also waits for what the
 * command has left behind, such as the engine of embedded mode: when the first process ends, the kernel kills all others.
 */
export async function runAlone(exec: readonly string[], logger: Logger): Promise<number> {
  using signals = new StopSignals(logger);
  const code = await besideChild(nothingRunning, signals, exec);
  if (endsContainer) await othersEnded(AbortSignal.any([AbortSignal.timeout(LEFT_BEHIND_MS), signals.hurry]));
  return code;
}

/** Follows until a signal asks for the end, or nothing is left that can be shipped. */
export async function untilStopped(running: Running, signals: StopSignals): Promise<number> {
  await Promise.race([signals.first, running.givenUp]);
  return finish(running, signals, 0);
}

/** Runs the command until it ends; signals reach it too. */
export async function besideChild(running: Running, signals: StopSignals, exec: readonly string[]): Promise<number> {
  if (signals.received !== undefined) return finish(running, signals, 0);
  let child: Child;
  try {
    child = await Child.start(exec);
  } catch (error) {
    await running.stop();
    throw error;
  }
  signals.forwardTo(child);
  const { code } = await child.ended;
  return finish(running, signals, code);
}

/** The last sync runs whatever the child's end was; then the child's code is ours. */
export async function finish(running: Running, signals: StopSignals, code: number): Promise<number> {
  const deadline = AbortSignal.any([AbortSignal.timeout(STOP_DEADLINE_MS), signals.hurry]);
  try {
    await running.stop({ signal: deadline });
    if (running.failure !== undefined) throw running.failure;
    return signals.hurry.aborted ? signals.code : code;
  } catch (error) {
    process.stderr.write(`litewake: ${lineOf(error)}\n`);
    if (signals.hurry.aborted) return signals.code;
    if (code !== 0) return code;
    return error instanceof LitewakeError && error.kind === "unreachable" ? EXIT_TAIL_NOT_DURABLE : exitCodeOf(error);
  }
}

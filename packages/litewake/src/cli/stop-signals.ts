// Signals to `litewake replicate`: the first asks for an orderly end, the second for one at once; a child hears of both.
import { constants } from "node:os";
import { LitewakeError, type Logger } from "@litewake/core";
import type { Child } from "./child.ts";

const STOP: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];
/** What they mean is the child's affair; without a child SIGHUP asks for the end, and the others keep their usual effect. */
const PASSED: readonly NodeJS.Signals[] = ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
/** After the second signal, cleaning up may take so long. */
const HURRY_MS = 1000;

export class StopSignals implements Disposable {
  /** Resolves at the first signal that asks for the end. */
  readonly first: Promise<NodeJS.Signals>;
  /** Ends every wait at the second. */
  readonly hurry: AbortSignal;
  /** Rejects at the second. */
  readonly hurried: Promise<never>;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #listeners = new Map<NodeJS.Signals, () => void>();
  #resolveFirst: (signal: NodeJS.Signals) => void = () => {};
  #received: NodeJS.Signals | undefined;
  #child: Child | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.hurry = this.#abort.signal;
    this.first = new Promise((resolve) => {
      this.#resolveFirst = resolve;
    });
    this.hurried = new Promise((_resolve, reject) => {
      const late = () =>
        reject(new LitewakeError("aborted", "stopped by a second signal; what was not shipped yet stays in the WAL"));
      this.hurry.addEventListener("abort", late, { once: true });
    });
    this.hurried.catch(() => {});
    for (const signal of STOP) this.#listen(signal, () => this.#stop(signal));
    this.#listen("SIGHUP", () => this.#stop("SIGHUP"));
  }

  /** The first signal, once it came. */
  get received(): NodeJS.Signals | undefined {
    return this.#received;
  }

  /** The exit code of a process that ended by the signal received. */
  get code(): number {
    return 128 + constants.signals[this.#received ?? "SIGTERM"];
  }

  forwardTo(child: Child): void {
    this.#child = child;
    for (const signal of PASSED) this.#listen(signal, () => child.signal(signal));
    // It came while the child was being started.
    if (this.#received !== undefined) child.signal(this.#received);
  }

  #listen(signal: NodeJS.Signals, listener: () => void): void {
    const before = this.#listeners.get(signal);
    if (before !== undefined) process.off(signal, before);
    this.#listeners.set(signal, listener);
    process.on(signal, listener);
  }

  #stop(signal: NodeJS.Signals): void {
    if (this.#received === undefined) {
      this.#received = signal;
      this.#logger("info", "stopping: shipping what is left", { signal });
      this.#child?.signal(signal);
      this.#resolveFirst(signal);
      return;
    }
    this.#child?.signal("SIGKILL");
    this.#abort.abort();
    setTimeout(() => process.exit(this.code), HURRY_MS).unref();
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}

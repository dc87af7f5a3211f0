// Tells somebody far away, now and then, that all is well: whoever hears nothing any more knows that something is not.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@litewake/core";
import { reportOf, type Watched } from "./report.ts";

export interface HeartbeatOptions {
  /** Asked for by GET; its path is mostly a secret, so that only the host is ever named. */
  readonly url: string;
  readonly intervalMs: number;
  readonly watched: Watched;
  readonly staleMs: number;
  readonly logger: Logger;
}

/** A store's first answers take a moment; then the first beat says that the process has come up. */
const FIRST_MS = 1000;
const ANSWER_MS = 10_000;

/** Beats while every replica keeps up, until disposed. A beat that fails is told of once, until one gets through. */
export class Heartbeat implements AsyncDisposable {
  readonly #options: HeartbeatOptions;
  readonly #stop = new AbortController();
  readonly #beating: Promise<void>;
  #failing = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#beating = this.#beat();
  }

  async #beat(): Promise<void> {
    const { signal } = this.#stop;
    const { intervalMs, watched, staleMs } = this.#options;
    let waitMs = Math.min(FIRST_MS, intervalMs);
    while (!signal.aborted) {
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {});
      waitMs = intervalMs;
      if (!signal.aborted && reportOf(watched, staleMs).healthy) await this.#send(signal);
    }
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { url, logger } = this.#options;
    const failure = await ask(url, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]));
    if (signal.aborted) return;
    if (failure === undefined) {
      this.#failing = false;
      return;
    }
    logger(this.#failing ? "debug" : "warn", "the heartbeat is not heard", { host: new URL(url).host, error: failure });
    this.#failing = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#beating;
  }
}

/** What went wrong, without the URL. */
async function ask(url: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal });
    await answer.body?.cancel();
    return answer.ok ? undefined : `status ${answer.status}`;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && "code" in cause) return String(cause.code);
    return error instanceof Error ? error.name : "unknown";
  }
}

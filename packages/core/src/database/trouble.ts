// Something that fails again and again is said once, then once a minute, and once more when it is over.
import type { Logger } from "../logger.ts";
import { faultLine } from "./system-fault.ts";

const REMIND_MS = 60_000;
/** It is over when nothing failed for so long: one step of several may work in between. */
const CALM_MS = 2000;

export interface TroubleLines {
  /** What does not work, and where. */
  readonly failing: string;
  readonly over: string;
}

export class Trouble {
  readonly #logger: Logger;
  readonly #lines: TroubleLines;
  #error: string | undefined;
  #since = 0;
  #toldAt = 0;
  #lastAt = 0;

  constructor(logger: Logger, lines: TroubleLines) {
    this.#logger = logger;
    this.#lines = lines;
  }

  /** What it fails with at the moment; `undefined`: all is well. */
  get error(): string | undefined {
    return this.#error;
  }

  failed(error: unknown): void {
    const now = performance.now();
    const first = this.#error === undefined;
    if (first) this.#since = now;
    this.#lastAt = now;
    this.#error = faultLine(error);
    if (!first && now - this.#toldAt < REMIND_MS) return;
    this.#toldAt = now;
    const failingMs = first ? undefined : Math.round(now - this.#since);
    this.#logger("error", this.#lines.failing, { error: this.#error, ...(first ? {} : { failingMs }) });
  }

  /** It worked just now. */
  worked(): void {
    if (this.#error === undefined || performance.now() - this.#lastAt < CALM_MS) return;
    this.#error = undefined;
    this.#logger("info", this.#lines.over, { failedMs: Math.round(this.#lastAt - this.#since) });
  }
}

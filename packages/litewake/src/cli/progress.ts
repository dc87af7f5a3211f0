// One line on a terminal that is rewritten while a restore runs; nothing where nobody watches.
import type { RestoreProgress } from "@litewake/core";
import { progressLine } from "./restore-report.ts";

const EACH_MS = 100;
const CLEAR = "\r\u001b[2K";

export class ProgressLine implements Disposable {
  readonly #terminal: NodeJS.WriteStream;
  readonly #started = performance.now();
  #shownAt = Number.NEGATIVE_INFINITY;
  #shown = false;

  constructor(terminal: NodeJS.WriteStream = process.stderr) {
    this.#terminal = terminal;
  }

  readonly show = (progress: RestoreProgress): void => {
    const now = performance.now();
    if (!this.#terminal.isTTY || now - this.#shownAt < EACH_MS) return;
    this.#shownAt = now;
    this.#shown = true;
    // A line that wraps could not be taken back.
    const line = progressLine(progress, now - this.#started).slice(0, (this.#terminal.columns || 80) - 1);
    this.#terminal.write(CLEAR + line);
  };

  /** Takes the line away, so that what comes next stands alone. */
  clear(): void {
    if (this.#shown) this.#terminal.write(CLEAR);
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

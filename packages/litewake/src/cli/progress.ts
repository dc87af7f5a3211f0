// One line on a terminal that is rewritten while a restore runs; nothing where nobody watches.
import { progressLine, type ShownProgress } from "./restore-report.ts";

const EACH_MS = 100;
const CLEAR = "\r\u001b[2K";

/** What is needed of a stream that may be a terminal. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class ProgressLine implements Disposable {
  readonly #terminal: Terminal;
  readonly #started = performance.now();
  #shownAt = Number.NEGATIVE_INFINITY;
  #shown = false;

  constructor(terminal: Terminal = process.stderr) {
    this.#terminal = terminal;
  }

  readonly show = (progress: ShownProgress): void => {
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

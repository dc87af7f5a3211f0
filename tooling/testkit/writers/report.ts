// How long transactions took and what went wrong, as one line of JSON at a writer's end.

/** Collects the time of each transaction that was tried, and each error by its text. */
export class Report {
  readonly #begun = performance.now();
  readonly #times: number[] = [];
  readonly #errors: Record<string, number> = {};

  took(ms: number): void {
    this.#times.push(ms);
  }

  failed(text: string): void {
    this.#errors[text] = (this.#errors[text] ?? 0) + 1;
  }

  get errorCount(): number {
    return Object.values(this.#errors).reduce((sum, n) => sum + n, 0);
  }

  line(lastSeq: number): string {
    const times = this.#times.toSorted((a, b) => a - b);
    const seconds = (performance.now() - this.#begun) / 1000;
    const at = (share: number) => round(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0);
    const mean = times.reduce((sum, ms) => sum + ms, 0) / Math.max(1, times.length);
    return `report ${JSON.stringify({
      commits: times.length,
      lastSeq,
      seconds: round(seconds),
      perSecond: round(times.length / seconds),
      meanMs: round(mean),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      errors: this.#errors,
    })}`;
  }
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

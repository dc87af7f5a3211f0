// How far a restore has come.

export interface RestoreProgress {
  readonly phase: "fetch" | "write" | "check";
  /** As stored. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly segmentsDone: number;
  readonly segmentsTotal: number;
}

const REPORT_EVERY_MS = 50;

/** Counts, and reports each change of phase, and what happens between at most twenty times a second. */
export class ProgressMeter {
  readonly #bytesTotal: number;
  readonly #segmentsTotal: number;
  readonly #report: ((progress: RestoreProgress) => void) | undefined;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #phase: RestoreProgress["phase"] = "fetch";
  #bytes = 0;
  #segments = 0;

  constructor(bytesTotal: number, segmentsTotal: number, report: ((progress: RestoreProgress) => void) | undefined) {
    this.#bytesTotal = bytesTotal;
    this.#segmentsTotal = segmentsTotal;
    this.#report = report;
  }

  /** Bytes fetched so far, as stored. */
  get bytes(): number {
    return this.#bytes;
  }

  enter(phase: RestoreProgress["phase"]): void {
    this.#phase = phase;
    this.#tell(performance.now());
  }

  fetched(bytes: number): void {
    this.#bytes += bytes;
    this.#tellSometimes();
  }

  segmentDone(): void {
    this.#segments += 1;
    this.#tellSometimes();
  }

  #tellSometimes(): void {
    const now = performance.now();
    if (now - this.#reportedMs >= REPORT_EVERY_MS) this.#tell(now);
  }

  #tell(now: number): void {
    this.#reportedMs = now;
    this.#report?.({
      phase: this.#phase,
      bytesDone: this.#bytes,
      bytesTotal: this.#bytesTotal,
      segmentsDone: this.#segments,
      segmentsTotal: this.#segmentsTotal,
    });
  }
}

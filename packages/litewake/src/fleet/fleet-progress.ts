// How far work on many databases has come, as one.
import type { VerifyProgress } from "@litewake/core";
import type { ShownProgress } from "../cli/restore-report.ts";

/** The sum over all databases, for the one line. */
export class FleetProgress {
  readonly #databases: number;
  readonly #each = new Map<string, VerifyProgress>();
  #done = 0;

  constructor(databases: number) {
    this.#databases = databases;
  }

  done(): void {
    this.#done++;
  }

  take(name: string, progress: VerifyProgress): ShownProgress {
    this.#each.set(name, progress);
    const sum = { bytesDone: 0, bytesTotal: 0, segmentsDone: 0, segmentsTotal: 0 };
    for (const one of this.#each.values()) {
      sum.bytesDone += one.bytesDone;
      sum.bytesTotal += one.bytesTotal;
      sum.segmentsDone += one.segmentsDone;
      sum.segmentsTotal += one.segmentsTotal;
    }
    return { phase: `${this.#done} of ${this.#databases} databases`, ...sum };
  }
}

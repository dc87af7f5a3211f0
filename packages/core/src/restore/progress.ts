// How far a restore has come.

export interface RestoreProgress {
  readonly phase: "fetch" | "write" | "check";
  /** As stored. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly segmentsDone: number;
  readonly segmentsTotal: number;
}

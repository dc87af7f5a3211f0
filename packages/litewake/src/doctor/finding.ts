// What the doctor finds: one line each, fine, of note, or wrong.

export type Level = "ok" | "warn" | "fail";

export interface Finding {
  readonly level: Level;
  /** What was looked at: a replica's name and URL, a database's path, or "this machine". */
  readonly subject: string;
  /** Stable name of the check, `put-if-absent` for instance. */
  readonly check: string;
  /** What was found and, unless all is well, what to do. */
  readonly detail: string;
  /** How long it took, where that says something. */
  readonly ms?: number;
}

/** Collects the findings about one subject. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #subject: string;

  constructor(subject: string) {
    this.#subject = subject;
  }

  add(level: Level, check: string, detail: string, ms?: number): void {
    this.list.push({
      level,
      subject: this.#subject,
      check,
      detail,
      ...(ms === undefined ? {} : { ms: Math.round(ms * 10) / 10 }),
    });
  }
}

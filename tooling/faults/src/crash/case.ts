// One case: a ledger's life with several kills in it, and what came of it.
import type { Random } from "../../../testkit/writers/random.ts";
import type { Beginning, LifeEnd } from "./life.ts";
import { type Counts, formatPoint, type Point } from "./point.ts";

export interface Case {
  readonly scenario: string;
  /** Settings, and what happens between two lives. */
  readonly seed: number;
  /** One for each life that is to be killed, in order. Without any the case only counts what is reached. */
  readonly points: readonly Point[];
}

export interface CaseResult {
  readonly case: Case;
  /** Points at which a life ended. */
  readonly reached: readonly Point[];
  readonly missed: readonly Point[];
  /** Empty: every promise was kept. */
  readonly violations: readonly string[];
  readonly beginnings: readonly Beginning[];
  /** How the same generation went on, once for each start and replica. */
  readonly continued: readonly string[];
  /** Replicas, for the count of generations that had to be. */
  readonly replicas: number;
  readonly restores: number;
  readonly restoresByLitestream: number;
  /** Of the lives that ended well, first and last. */
  readonly counts: readonly Counts[];
}

/** Runs one case of a scenario. */
export type Run = (what: Case) => Promise<CaseResult>;

const SAID_LINES = 60;

/** Keeps the score of a case while it runs. */
export class Score {
  readonly #case: Case;
  readonly #reached: Point[] = [];
  readonly #missed: Point[] = [];
  readonly #violations: string[] = [];
  readonly #beginnings: Beginning[] = [];
  readonly #counts: Counts[] = [];
  readonly #continued: string[] = [];
  #said: readonly string[] = [];
  restores = 0;
  restoresByLitestream = 0;
  /** Prefix of the violations' lines: where in the case it was. */
  at = "";

  constructor(what: Case) {
    this.#case = what;
  }

  life(point: Point | undefined, end: LifeEnd, said: readonly string[]): void {
    this.#said = said.slice(-SAID_LINES);
    if (end === "failed") this.violated("the process failed");
    if (point === undefined) {
      if (end !== "stopped" && end !== "failed") this.violated(`the process did not end when asked to: ${end}`);
    } else if (end === "killed") this.#reached.push(point);
    else this.#missed.push(point);
  }

  counted(counts: Counts): void {
    this.#counts.push(counts);
  }

  began(beginnings: readonly Beginning[]): void {
    this.#beginnings.push(...beginnings);
  }

  wentOn(how: readonly string[]): void {
    this.#continued.push(...how);
  }

  /** The first one comes with what the life said. */
  violated(what: string): void {
    const said = this.#violations.length === 0 ? this.#said.map((line) => `\n    | ${line}`).join("") : "";
    this.#violations.push(`${this.at}: ${what}${said}`);
  }

  /** Runs a check; what it throws is a violation too. */
  async check(what: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.violated(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  result(replicas: number): CaseResult {
    return {
      case: this.#case,
      reached: this.#reached,
      missed: this.#missed,
      violations: this.#violations,
      beginnings: this.#beginnings,
      continued: this.#continued,
      replicas,
      restores: this.restores,
      restoresByLitestream: this.restoresByLitestream,
      counts: this.#counts,
    };
  }
}

/** The command that runs a case again. */
export function repetition({ scenario, seed, points }: Case): string {
  return `npm run faults -- crash --scenario ${scenario} --seed ${seed} --only ${points.map(formatPoint).join(",")}`;
}

/** A pause that is mostly short. */
export function liveMs(random: Random): number {
  return 40 + random.below(random.pick([60, 400]));
}

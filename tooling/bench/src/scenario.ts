// What every scenario is given and gives back.
import type { Figure } from "./figures.ts";

export interface Run {
  readonly rounds: number;
  /** A folder of this run's own, on disk; removed at its end. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

export interface Scenario {
  readonly name: string;
  /** One line. */
  readonly about: string;
  /** Whether it needs MinIO and toxiproxy. */
  readonly servers: boolean;
  readonly run: (run: Run) => Promise<Figure[]>;
}

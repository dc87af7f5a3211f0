// Where a process is killed: at a step of the protocol, or around a call to the store.

/** The part of a process's life: until it runs, while it runs, and from the moment at which it is asked to end. */
export type Phase = "start" | "run" | "stop";

/**
 * `at` is a step's name (`segment:put`), or a call with the kind of object and the moment (`put-segment.before`, `.mid`,
 * `.after`). The occurrence is counted from 1 within one phase of one process.
 */
export interface Point {
  readonly phase: Phase;
  readonly at: string;
  readonly occurrence: number;
}

const SHAPE = /^(start|run|stop)\/([a-z0-9:.-]+)#(\d+)$/;

/** `run/put-segment.mid#3` */
export function formatPoint({ phase, at, occurrence }: Point): string {
  return `${phase}/${at}#${occurrence}`;
}

export function parsePoint(text: string): Point {
  const [, phase, at, occurrence] = SHAPE.exec(text) ?? [];
  if (phase === undefined || at === undefined) {
    throw new Error(`${text} is no point: they look like run/put-segment.mid#3 or start/resume:read#1`);
  }
  return { phase: phase as Phase, at, occurrence: Number(occurrence) };
}

/** How often each place was reached, by `phase/at`. */
export type Counts = Readonly<Record<string, number>>;

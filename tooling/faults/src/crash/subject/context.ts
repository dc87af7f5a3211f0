// What every kind of subject is given.
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../../../testkit/writers/random.ts";
import type { KillSwitch } from "./kill-switch.ts";
import { say } from "./say.ts";

export interface Context {
  readonly kill: KillSwitch;
  readonly random: Random;
}

/** A point that was not reached after so many rounds is given up. */
const PATIENCE = 30;

/** Until SIGTERM. The phase is `stop` from then on. */
export class UntilAsked {
  readonly #kill: KillSwitch;
  readonly #stop = new AbortController();

  constructor({ kill }: Context) {
    this.#kill = kill;
    process.once("SIGTERM", () => this.#stop.abort());
  }

  /** Does `work` again and again, with a pause between, until asked to end. */
  async repeat(pauseMs: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    let rounds = 0;
    while (!signal.aborted) {
      await work();
      if (++rounds === PATIENCE && this.#kill.isWaiting) say("given up");
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
    this.#kill.phase = "stop";
  }
}

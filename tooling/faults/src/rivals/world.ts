// Virtual time for several processes: one queue of events, taken in order, each let run to its end. A paused process does
// nothing while its clock goes on; what is in the network goes on without anybody.
import type { LeaseHost } from "../../../../packages/core/src/fleet/lease-host.ts";
import type { Owner } from "../../../../packages/core/src/fleet/owner.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  /** Undefined: of the network. */
  readonly process: SimProcess | undefined;
  run: (() => void) | undefined;
}

export class World {
  #nowMs = 0;
  #order = 0;
  #queue: Event[] = [];
  readonly processes: SimProcess[] = [];
  /** Called after each event, when everything that follows from it has been done. */
  afterEach: () => void | Promise<void> = () => {};

  get nowMs(): number {
    return this.#nowMs;
  }

  /** What comes back takes it away. */
  after(ms: number, process: SimProcess | undefined, run: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, process, run };
    this.#insert(event);
    return () => {
      event.run = undefined;
    };
  }

  #insert(event: Event): void {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#queue[middle];
      if (other !== undefined && (other.atMs < event.atMs || (other.atMs === event.atMs && other.order < event.order)))
        low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, event);
  }

  async run(untilMs: number): Promise<void> {
    for (;;) {
      const event = this.#queue[0];
      if (event === undefined || event.atMs > untilMs) break;
      this.#queue.shift();
      const { process, run } = event;
      if (run === undefined || process?.isDead === true) continue;
      this.#nowMs = event.atMs;
      const resumes = process?.pausedUntilMs ?? 0;
      if (resumes > this.#nowMs) {
        this.#insert({ ...event, atMs: resumes });
        continue;
      }
      run();
      await settled();
      await this.afterEach();
    }
    this.#nowMs = untilMs;
  }
}

/** All that the last event set going, as far as it goes without another one. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A process on a host; hosts that share a name see each other's processes. */
export class SimProcess {
  readonly world: World;
  readonly name: string;
  readonly host: string;
  readonly owner: Owner;
  pausedUntilMs = 0;
  /** All its pauses so far. */
  pausedForMs = 0;
  isDead = false;

  constructor(world: World, name: string, host: string) {
    this.world = world;
    this.name = name;
    this.host = host;
    const pid = world.processes.length + 100;
    this.owner = { id: name, host, pid, space: host, began: name };
    world.processes.push(this);
  }

  pause(ms: number): void {
    const until = Math.max(this.pausedUntilMs, this.world.nowMs + ms);
    this.pausedForMs += until - Math.max(this.pausedUntilMs, this.world.nowMs);
    this.pausedUntilMs = until;
  }

  /** What a lease takes from it. Its clock began when it did, so no two of them show the same. */
  leaseHost(): LeaseHost {
    const beganMs = this.world.nowMs;
    return {
      owner: this.owner,
      now: () => this.world.nowMs - beganMs,
      sleep: (ms, signal) => this.sleep(ms, signal),
      timeout: (ms) => {
        const controller = new AbortController();
        this.world.after(ms, this, () => controller.abort());
        return controller.signal;
      },
      after: (ms, call) => this.world.after(ms, this, call),
      isDead: ({ space, id }) =>
        space === this.host && this.world.processes.find(({ name }) => name === id)?.isDead === true,
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Error("the sleep was ended"));
      if (signal?.aborted === true) return failed();
      const cancel = this.world.after(ms, this, () => {
        signal?.removeEventListener("abort", failed);
        resolve();
      });
      signal?.addEventListener("abort", () => (cancel(), failed()), { once: true });
    });
  }
}

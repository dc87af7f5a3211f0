// When something that is done every so often is due again, whatever somebody sets the host's clock to.

/**
 * Due when either clock says so: the monotonic one stands still while the host sleeps, the wall clock may go back by years.
 * One that jumps ahead makes it due once too early, not from then on always.
 */
export class Schedule {
  readonly #everyMs: number;
  #wallMs = 0;
  #monotonicMs = 0;

  /** First due after `firstMs`. */
  constructor(everyMs: number, firstMs: number) {
    this.#everyMs = everyMs;
    this.#set(firstMs);
  }

  get isDue(): boolean {
    return Date.now() >= this.#wallMs || performance.now() >= this.#monotonicMs;
  }

  /** Done just now. */
  done(): void {
    this.#set(this.#everyMs);
  }

  /** Never again. */
  end(): void {
    this.#set(Number.POSITIVE_INFINITY);
  }

  #set(ms: number): void {
    this.#wallMs = Date.now() + ms;
    this.#monotonicMs = performance.now() + ms;
  }
}

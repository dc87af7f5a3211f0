// How long a lease is held by this process's own clock, and what is told when that ends.
import type { LeaseHost } from "./lease-host.ts";

export class LeaseTerm {
  readonly #host: LeaseHost;
  readonly #watching = new Set<() => void>();
  #number = 0;
  #untilMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor(host: LeaseHost) {
    this.#host = host;
  }

  /** Of the newest renewal known to be ours; 0: none. */
  get number(): number {
    return this.#number;
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  get isOver(): boolean {
    return this.#host.now() >= this.#untilMs;
  }

  /** A renewal that was overtaken by another one of ours shortens nothing. */
  renewed(number: number, untilMs: number): void {
    if (number < this.#number) return;
    this.#number = number;
    this.#untilMs = Math.max(this.#untilMs, untilMs);
    this.#watch();
  }

  end(): void {
    this.#cancel();
    this.#number = 0;
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.#tell();
  }

  /** Calls back when it is over; what comes back forgets that. */
  onEnd(call: () => void): () => void {
    this.#watching.add(call);
    return () => this.#watching.delete(call);
  }

  #tell(): void {
    for (const call of this.#watching) call();
  }

  #watch(): void {
    this.#cancel();
    this.#cancel = this.#host.after(Math.max(1, Math.ceil(this.#untilMs - this.#host.now())), () => {
      if (this.isOver) this.#tell();
      else this.#watch();
    });
  }
}

// Reads ahead over many streams in order: several are open at a time, and what they hold together is bounded.

export interface PrefetchOptions<T> {
  readonly items: Iterable<T>;
  /** Opens the stream of one item; reads nothing more once the signal fires. */
  readonly open: (item: T, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Bytes that the item's stream will give at least: large ones are not all opened at once. */
  readonly weight: (item: T) => number;
  /** Streams open at a time. */
  readonly parallelism: number;
  /** Bytes read ahead, over all streams, beyond which only the foremost goes on. */
  readonly budgetBytes: number;
  readonly signal: AbortSignal;
}

/** The foremost stream may be ahead of its reader by this much even where the budget is used up. */
const FOREMOST_BYTES = 4 << 20;

/** Hands out the items with their streams, in order. Leaving the loop early closes all streams. */
export async function* prefetch<T>(
  options: PrefetchOptions<T>,
): AsyncGenerator<{ readonly item: T; readonly chunks: AsyncIterable<Uint8Array> }> {
  const pool = new Pool(options.budgetBytes);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const items = options.items[Symbol.iterator]();
  const lanes: { item: T; lane: Lane; weight: number }[] = [];
  let weight = 0;
  signal.addEventListener("abort", () => pool.changed(), { once: true });
  try {
    for (;;) {
      while (lanes.length < options.parallelism && (lanes.length === 0 || weight < options.budgetBytes)) {
        const next = items.next();
        if (next.done === true) break;
        const lane = new Lane(pool, () => options.open(next.value, signal), signal);
        lanes.push({ item: next.value, lane, weight: options.weight(next.value) });
        weight += options.weight(next.value);
      }
      const foremost = lanes[0];
      if (foremost === undefined) return;
      pool.foremost = foremost.lane;
      pool.changed();
      yield { item: foremost.item, chunks: foremost.lane };
      await foremost.lane.drop();
      weight -= foremost.weight;
      lanes.shift();
    }
  } finally {
    stop.abort();
    await Promise.all(lanes.map(({ lane }) => lane.drop()));
  }
}

class Pool {
  held = 0;
  foremost: Lane | undefined;
  readonly #budget: number;
  #wake: (() => void)[] = [];

  constructor(budget: number) {
    this.#budget = budget;
  }

  mayRead(lane: Lane): boolean {
    return this.held < this.#budget || (lane === this.foremost && lane.held < FOREMOST_BYTES);
  }

  changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }

  wait(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }
}

class Lane implements AsyncIterable<Uint8Array> {
  held = 0;
  readonly #pool: Pool;
  readonly #queue: Uint8Array[] = [];
  readonly #pumping: Promise<void>;
  #ended = false;
  #dropped = false;
  #error: unknown;

  constructor(pool: Pool, open: () => AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#pool = pool;
    this.#pumping = this.#pump(open, signal);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#release(chunk.byteLength);
        yield chunk;
      } else if (this.#error !== undefined) throw this.#error;
      else if (this.#ended) return;
      else await this.#pool.wait();
    }
  }

  /** Lets go of what was not read, and waits until the stream is closed. */
  async drop(): Promise<void> {
    this.#dropped = true;
    this.#release(this.held);
    this.#queue.length = 0;
    await this.#pumping;
  }

  #release(bytes: number): void {
    this.held -= bytes;
    this.#pool.held -= bytes;
    this.#pool.changed();
  }

  async #pump(open: () => AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    try {
      for await (const chunk of open()) {
        if (this.#dropped) break;
        this.#queue.push(chunk);
        this.held += chunk.byteLength;
        this.#pool.held += chunk.byteLength;
        this.#pool.changed();
        while (!this.#pool.mayRead(this) && !this.#dropped) {
          signal.throwIfAborted();
          await this.#pool.wait();
        }
      }
      signal.throwIfAborted();
    } catch (error) {
      this.#error = error ?? new Error("the stream failed");
    } finally {
      this.#ended = true;
      this.#pool.changed();
    }
  }
}

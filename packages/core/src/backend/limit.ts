// A cap on calls under way, shared by as many clients as there are (all databases and replicas of one process).
import { abortedError, throwIfAborted } from "./abort.ts";
import type {
  ByteStream,
  CallOptions,
  GetOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  ReplicaClient,
} from "./client.ts";
import type { ReplicaOperation } from "./error.ts";
import { releasing } from "./stream.ts";
import { WrappedClient } from "./wrapped.ts";

interface Waiting {
  readonly start: () => void;
}

/** So many calls at a time, first come, first served. */
export class ConcurrencyLimit {
  readonly max: number;
  #running = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(max: number) {
    if (!Number.isInteger(max) || max < 1) throw new RangeError(`a limit of ${max} calls lets nothing through`);
    this.max = max;
  }

  /** Calls under way. */
  get running(): number {
    return this.#running;
  }

  /** Calls that wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a place, waiting for it if need be; what it resolves to gives the place back and may be called again. */
  async take(signal: AbortSignal | undefined, operation: ReplicaOperation, key?: string): Promise<() => void> {
    throwIfAborted(signal, operation, key);
    if (this.#running < this.max) this.#running += 1;
    else await this.#wait(signal, operation, key);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#giveBack();
    };
  }

  #wait(signal: AbortSignal | undefined, operation: ReplicaOperation, key: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(entry);
        reject(abortedError(operation, key, signal?.reason));
      };
      const entry: Waiting = {
        start: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#waiting.add(entry);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  // The place passes straight to the next in line, so that a newcomer cannot take it before.
  #giveBack(): void {
    const next = this.#waiting.values().next();
    if (next.done === true) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next.value);
    next.value.start();
  }
}

/**
 * A client whose calls each hold one place of the limit: a put or delete until it is settled, a listing while it fetches,
 * a get until its stream has ended or was left. So never wait for another call while holding a stream that is not being
 * read: with every place held by such a stream nothing would go on.
 */
export function limited(client: ReplicaClient, limit: ConcurrencyLimit): ReplicaClient {
  return new LimitedClient(client, limit);
}

class LimitedClient extends WrappedClient {
  readonly #limit: ConcurrencyLimit;

  constructor(inner: ReplicaClient, limit: ConcurrencyLimit) {
    super(inner);
    this.#limit = limit;
  }

  override async *list(prefix: string, options: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    const objects = this.inner.list(prefix, options)[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const next = await this.#hold(options.signal, "list", prefix, () => objects.next());
        if (next.done === true) break;
        yield next.value;
      }
      ended = true;
    } finally {
      if (!ended) await objects.return?.();
    }
  }

  override async get(key: string, options: GetOptions = {}): Promise<ByteStream> {
    const release = await this.#limit.take(options.signal, "get", key);
    try {
      return releasing((await this.inner.get(key, options))[Symbol.asyncIterator](), release);
    } catch (error) {
      release();
      throw error;
    }
  }

  override put(key: string, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    return this.#hold(options.signal, "put", key, () => this.inner.put(key, body, options));
  }

  override delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#hold(options.signal, "delete", undefined, () => this.inner.delete(keys, options));
  }

  async #hold<T>(
    signal: AbortSignal | undefined,
    operation: ReplicaOperation,
    key: string | undefined,
    call: () => Promise<T>,
  ): Promise<T> {
    const release = await this.#limit.take(signal, operation, key);
    try {
      return await call();
    } finally {
      release();
    }
  }
}

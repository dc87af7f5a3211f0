// Tries again what may succeed on a second try. Backends do not retry; this wrapper does, by what their errors say.
import { setTimeout as wait } from "node:timers/promises";
import { abortedError } from "./abort.ts";
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
import { ReplicaError, type ReplicaOperation } from "./error.ts";
import { compareKeys } from "./key.ts";
import { releasing } from "./stream.ts";
import { WrappedClient } from "./wrapped.ts";

/** One failed attempt that will be followed by another. */
export interface RetryEvent {
  readonly operation: ReplicaOperation;
  readonly key: string;
  /** Attempts made so far without progress, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: ReplicaError;
}

export interface RetryOptions {
  /** Attempts in a row without progress, the first one included. Default 5. */
  readonly attempts?: number;
  /** No attempt begins later than this after the call, or after the reader asked for what never came. Default 60,000. */
  readonly totalMs?: number;
  /** Upper bound of the first wait; doubles with each attempt. Default 100. */
  readonly firstDelayMs?: number;
  /** Upper bound of any wait. Default 10,000. */
  readonly maxDelayMs?: number;
  readonly onRetry?: (event: RetryEvent) => void;
  /** Resolves after the time given, or rejects when the signal fires. Default: a timer. */
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** A number in [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
  /** Milliseconds of a clock that never goes back. Default: `performance.now`. */
  readonly now?: () => number;
}

/**
 * Repeats calls whose error is `retryable`, waiting a random time below an exponentially growing bound ("full jitter").
 * A listing goes on after the last key it gave, a byte stream at the byte where it broke, which presumes that the
 * object was not overwritten meanwhile (objects of a replica never are). A put is repeated only if its body is bytes.
 * A `Conflict` that follows an attempt without an answer comes out with `ambiguous` set. The last error is passed on.
 */
export function retrying(client: ReplicaClient, options: RetryOptions = {}): ReplicaClient {
  return new RetryingClient(client, options);
}

class RetryingClient extends WrappedClient {
  readonly #options: RetryOptions;

  constructor(inner: ReplicaClient, options: RetryOptions) {
    super(inner);
    this.#options = options;
  }

  override async *list(prefix: string, options: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    const attempts = new Attempts(this.#options, "list", prefix, options.signal);
    let last: string | undefined;
    let resumeAfter: string | undefined;
    let isOrdered = true;
    for (;;) {
      try {
        for await (const object of this.inner.list(prefix, options)) {
          if (object.key === last) continue;
          if (resumeAfter !== undefined && compareKeys(object.key, resumeAfter) <= 0) continue;
          isOrdered &&= last === undefined || compareKeys(object.key, last) > 0;
          last = object.key;
          yield object;
          attempts.progressed();
        }
        return;
      } catch (error) {
        // A store that lists out of order breaks its promise; what it has not given yet would be taken for given.
        if (!isOrdered) throw error;
        await attempts.failed(error);
        resumeAfter = last;
      }
    }
  }

  override async get(key: string, options: GetOptions = {}): Promise<ByteStream> {
    const attempts = new Attempts(this.#options, "get", key, options.signal);
    const stream: Mendable = { chunks: iterate(await attempts.run(() => this.inner.get(key, options))) };
    return releasing(
      this.#resumable(key, options, attempts, stream),
      async () => void (await stream.chunks.return?.()),
    );
  }

  async *#resumable(
    key: string,
    options: GetOptions,
    attempts: Attempts,
    stream: Mendable,
  ): AsyncGenerator<Uint8Array> {
    let received = 0;
    for (;;) {
      try {
        const next = await stream.chunks.next();
        if (next.done === true) return;
        received += next.value.byteLength;
        yield next.value;
        attempts.progressed();
        continue;
      } catch (error) {
        await attempts.failed(error);
      }
      const length = options.length === undefined ? undefined : options.length - received;
      if (length !== undefined && length <= 0) return;
      const rest = { ...options, offset: (options.offset ?? 0) + received, length };
      stream.chunks = iterate(await attempts.run(() => this.inner.get(key, rest)));
    }
  }

  override async put(key: string, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    if (!(body instanceof Uint8Array)) return this.inner.put(key, body, options);
    const attempts = new Attempts(this.#options, "put", key, options.signal);
    let unanswered = false;
    return attempts.run(async () => {
      try {
        return await this.inner.put(key, body, options);
      } catch (error) {
        if (unanswered && ReplicaError.is(error, "Conflict")) throw ambiguous(error, key);
        // Throttled and NoSpace are answers: the store took nothing. Any other failure may have come after the storing.
        unanswered ||= !ReplicaError.is(error, "Throttled") && !ReplicaError.is(error, "NoSpace");
        throw error;
      }
    });
  }

  override delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    const attempts = new Attempts(this.#options, "delete", keys.length === 1 ? (keys[0] ?? "") : "", options.signal);
    return attempts.run(() => this.inner.delete(keys, options));
  }
}

/** The stream now being read; another takes its place when it broke. */
interface Mendable {
  chunks: AsyncIterator<Uint8Array>;
}

function iterate(stream: ByteStream): AsyncIterator<Uint8Array> {
  return stream[Symbol.asyncIterator]();
}

function ambiguous(error: ReplicaError, key: string): ReplicaError {
  const reason = "the object is there already; an earlier attempt of this call may have stored it";
  return new ReplicaError({ code: "Conflict", operation: "put", key, reason, cause: error, ambiguous: true });
}

/** The attempts of one call: decides whether another one follows, and waits for it. */
class Attempts {
  readonly #options: RetryOptions;
  readonly #operation: ReplicaOperation;
  readonly #key: string;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;
  #since: number;

  constructor(options: RetryOptions, operation: ReplicaOperation, key: string, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#operation = operation;
    this.#key = key;
    this.#signal = signal;
    this.#since = this.#now();
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        await this.failed(error);
      }
    }
  }

  /** Something new arrived and was taken: what failed before, and the time until now, no longer count. */
  progressed(): void {
    this.#failures = 0;
    this.#since = this.#now();
  }

  /** Returns when the next attempt is due; throws `error` if there is none. */
  async failed(error: unknown): Promise<void> {
    if (!ReplicaError.is(error) || !error.retryable || this.#signal?.aborted === true) throw error;
    const { attempts = 5, totalMs = 60_000, firstDelayMs = 100, maxDelayMs = 10_000 } = this.#options;
    this.#failures += 1;
    if (this.#failures >= attempts) throw error;
    const bound = Math.min(maxDelayMs, firstDelayMs * 2 ** (this.#failures - 1));
    const delayMs = Math.floor((this.#options.random ?? Math.random)() * bound);
    if (this.#now() + delayMs - this.#since > totalMs) throw error;
    this.#options.onRetry?.({ operation: this.#operation, key: this.#key, attempt: this.#failures, delayMs, error });
    await this.#sleep(delayMs);
  }

  async #sleep(ms: number): Promise<void> {
    const sleep =
      this.#options.sleep ?? ((time, signal) => wait(time, undefined, signal === undefined ? {} : { signal }));
    try {
      await sleep(ms, this.#signal);
    } catch (error) {
      if (this.#signal?.aborted === true) throw abortedError(this.#operation, this.#key, error);
      throw error;
    }
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }
}

// Counts what goes through a client, into a plain object or to whoever wants to know. Needs no metrics library.
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
import { ReplicaError, type ReplicaErrorCode } from "./error.ts";
import { releasing } from "./stream.ts";
import { WrappedClient } from "./wrapped.ts";

export type MeteredOperation = "list" | "get" | "put" | "delete";

/** One finished call. A get or a listing is finished when its stream has ended, has failed or was left. */
export interface OperationOutcome {
  readonly operation: MeteredOperation;
  /** Bytes got or put; of a put that failed: 0. */
  readonly bytes: number;
  /** Objects listed, got, put or deleted. */
  readonly objects: number;
  /** From the call to its end, the reader's own time between chunks included. */
  readonly seconds: number;
  /** `undefined`: it went well. */
  readonly code: ReplicaErrorCode | undefined;
}

/** Totals of one operation since the start. They only grow. */
export interface OperationTotals {
  calls: number;
  failures: number;
  objects: number;
  bytes: number;
  seconds: number;
  /** Failures by code; a code that never came is absent. */
  errors: Partial<Record<ReplicaErrorCode, number>>;
}

export type OperationMetrics = Record<MeteredOperation, OperationTotals>;

/** Totals of nothing, to be handed to `countInto`. */
export function newOperationMetrics(): OperationMetrics {
  const none = (): OperationTotals => ({ calls: 0, failures: 0, objects: 0, bytes: 0, seconds: 0, errors: {} });
  return { list: none(), get: none(), put: none(), delete: none() };
}

/** An observer for `metered` that adds each outcome to the totals; one object may serve many clients. */
export function countInto(metrics: OperationMetrics): (outcome: OperationOutcome) => void {
  return ({ operation, bytes, objects, seconds, code }) => {
    const totals = metrics[operation];
    totals.calls += 1;
    totals.objects += objects;
    totals.bytes += bytes;
    totals.seconds += seconds;
    if (code === undefined) return;
    totals.failures += 1;
    totals.errors[code] = (totals.errors[code] ?? 0) + 1;
  };
}

/** Tells `observe` of each finished call. It must not throw; `now` is a clock in milliseconds that never goes back. */
export function metered(
  client: ReplicaClient,
  observe: (outcome: OperationOutcome) => void,
  now: () => number = () => performance.now(),
): ReplicaClient {
  return new MeteredClient(client, observe, now);
}

class MeteredClient extends WrappedClient {
  readonly #observe: (outcome: OperationOutcome) => void;
  readonly #now: () => number;

  constructor(inner: ReplicaClient, observe: (outcome: OperationOutcome) => void, now: () => number) {
    super(inner);
    this.#observe = observe;
    this.#now = now;
  }

  override async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    const call = this.#begin("list");
    try {
      for await (const object of this.inner.list(prefix, options)) {
        call.objects += 1;
        yield object;
      }
    } catch (error) {
      call.failed(error);
      throw error;
    } finally {
      call.end();
    }
  }

  override async get(key: string, options?: GetOptions): Promise<ByteStream> {
    const call = this.#begin("get");
    try {
      const stream = await this.inner.get(key, options);
      call.objects = 1;
      const chunks = stream[Symbol.asyncIterator]();
      return releasing(counted(chunks, call), async () => {
        call.end();
        await chunks.return?.();
      });
    } catch (error) {
      call.failed(error);
      call.end();
      throw error;
    }
  }

  override async put(key: string, body: PutBody, options?: PutOptions): Promise<PutResult> {
    return this.#settle(this.#begin("put"), async (call) => {
      const result = await this.inner.put(key, body, options);
      call.objects = 1;
      call.bytes = result.size;
      return result;
    });
  }

  override async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#settle(this.#begin("delete"), async (call) => {
      await this.inner.delete(keys, options);
      call.objects = keys.length;
    });
  }

  #begin(operation: MeteredOperation): RunningCall {
    return new RunningCall(operation, this.#observe, this.#now);
  }

  async #settle<T>(call: RunningCall, work: (call: RunningCall) => Promise<T>): Promise<T> {
    try {
      return await work(call);
    } catch (error) {
      call.failed(error);
      throw error;
    } finally {
      call.end();
    }
  }
}

async function* counted(chunks: AsyncIterator<Uint8Array>, call: RunningCall): AsyncGenerator<Uint8Array> {
  for (;;) {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await chunks.next();
    } catch (error) {
      call.failed(error);
      throw error;
    }
    if (next.done === true) return;
    call.bytes += next.value.byteLength;
    yield next.value;
  }
}

class RunningCall {
  readonly operation: MeteredOperation;
  bytes = 0;
  objects = 0;
  readonly #observe: (outcome: OperationOutcome) => void;
  readonly #now: () => number;
  readonly #start: number;
  #code: ReplicaErrorCode | undefined;
  #ended = false;

  constructor(operation: MeteredOperation, observe: (outcome: OperationOutcome) => void, now: () => number) {
    this.operation = operation;
    this.#observe = observe;
    this.#now = now;
    this.#start = now();
  }

  failed(error: unknown): void {
    this.#code = ReplicaError.is(error) ? error.code : "Unknown";
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { operation, bytes, objects } = this;
    this.#observe({ operation, bytes, objects, seconds: (this.#now() - this.#start) / 1000, code: this.#code });
  }
}

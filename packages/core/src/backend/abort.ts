// The caller's signal, as every client must answer it: code `Aborted`, at once, whatever the store is doing.
import { ReplicaError, type ReplicaOperation } from "./error.ts";

/** The error of a call that the caller's signal ended. */
export function abortedError(operation: ReplicaOperation, key?: string, cause?: unknown): ReplicaError {
  return new ReplicaError({ code: "Aborted", operation, key, reason: "the caller ended the call", cause });
}

/** Throws `Aborted` if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: ReplicaOperation, key?: string): void {
  if (signal?.aborted === true) throw abortedError(operation, key, signal.reason);
}

/**
 * Settles as `work` does, or rejects with `Aborted` as soon as the signal fires; what `work` then comes to is dropped,
 * so whoever holds a resource in it must release it there.
 */
export function abortable<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  operation: ReplicaOperation,
  key?: string,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortedError(operation, key, signal.reason));
    const done = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(done);
  });
}

/** One call of a client: what it does, to what, and the caller's signal. */
export interface CallPlace {
  readonly operation: ReplicaOperation;
  readonly key?: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs a vendor's call with a signal of its own that fires with the caller's, so that nothing of the vendor's is left on
 * the caller's. Rejects with `Aborted` at once when that fires, else with what `toError` makes of a failure.
 */
export async function withOwnSignal<T>(
  { operation, key, signal }: CallPlace,
  work: (signal: AbortSignal) => Promise<T>,
  toError: (error: unknown) => ReplicaError,
): Promise<T> {
  throwIfAborted(signal, operation, key);
  const own = new AbortController();
  const onAbort = (): void => own.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await abortable(work(own.signal), signal, operation, key);
  } catch (error) {
    if (signal?.aborted === true && !ReplicaError.is(error, "Conflict"))
      throw abortedError(operation, key, signal.reason);
    throw toError(error);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

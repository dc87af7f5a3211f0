// A client that writes nothing without the lease.
import type { PutBody, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { overriding } from "../backend/overriding.ts";
import type { Lease } from "./lease.ts";

/**
 * A client that starts no put and no delete unless the lease is held, and ends what is under way with the lease: a large
 * object is many requests, and none of them may be started later.
 */
export function leased(client: ReplicaClient, lease: Lease): ReplicaClient {
  return overriding(client, {
    put: (key, body, options) =>
      during(lease, "put", key, options?.signal, (signal) =>
        client.put(key, watched(body, key, lease), { ...options, signal }),
      ),
    delete: (keys, options) =>
      during(lease, "delete", undefined, options?.signal, (signal) => client.delete(keys, { ...options, signal })),
  });
}

async function during<T>(
  lease: Lease,
  operation: "put" | "delete",
  key: string | undefined,
  given: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  lease.require(operation, key);
  const own = new AbortController();
  const forget = lease.onEnd(() => own.abort());
  try {
    return await call(given === undefined ? own.signal : AbortSignal.any([given, own.signal]));
  } catch (error) {
    // Not the caller's doing: what it came to is told as the lease tells it.
    if (own.signal.aborted && given?.aborted !== true && ReplicaError.is(error, "Aborted")) {
      lease.require(operation, key);
      const reason = "the lease of this replica ended meanwhile";
      throw new ReplicaError({ code: "Unavailable", operation, key, reason, cause: error });
    }
    throw error;
  } finally {
    forget();
  }
}

/** A process that was stopped may read on before any timer of its own has told it that the lease is over. */
function watched(body: PutBody, key: string, lease: Lease): PutBody {
  return body instanceof Uint8Array ? body : chunksWhile(body, key, lease);
}

async function* chunksWhile(body: AsyncIterable<Uint8Array>, key: string, lease: Lease): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    lease.require("put", key);
    yield chunk;
  }
  // The last request, which makes the object visible, comes after the last byte.
  lease.require("put", key);
}

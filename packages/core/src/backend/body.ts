// The bytes handed to a put, read so that a backend need not think of aborts, of failing or of stuck bodies.
import { abortable, throwIfAborted } from "./abort.ts";
import type { PutBody } from "./client.ts";
import { ReplicaError } from "./error.ts";

/**
 * The chunks of a put's body, none of them empty; a chunk is the caller's again when the next one is asked for. A body
 * that throws gives a `ReplicaError` that is not retryable (nothing is known to be wrong with the store) with the
 * body's own error as `cause`; a fired signal gives `Aborted` even while the body hangs.
 */
export async function* bodyChunks(
  body: PutBody,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfAborted(signal, "put", key);
  if (body instanceof Uint8Array) {
    if (body.byteLength > 0) yield body;
    return;
  }
  const chunks = body[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const next = await abortable(nextChunk(chunks, key, signal), signal, "put", key);
      if (next.done === true) break;
      if (next.value.byteLength > 0) yield next.value;
    }
    finished = true;
  } finally {
    // Not awaited: a body that hangs would hang its end too.
    if (!finished) void Promise.resolve(chunks.return?.()).catch(() => {});
  }
}

async function nextChunk(
  chunks: AsyncIterator<Uint8Array>,
  key: string,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (cause) {
    throwIfAborted(signal, "put", key);
    const reason = `the body to be stored failed: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new ReplicaError({ code: "Unknown", retryable: false, operation: "put", key, reason, cause });
  }
}

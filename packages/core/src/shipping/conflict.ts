// "It is there already": settled by comparing. Our own bytes count as acknowledged; other bytes are another writer's.
import type { ByteStream, PutResult, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { decompress } from "../codec/lz4-stream.ts";
import { LitewakeError } from "../errors.ts";

/** Other bytes lie under a name of ours. */
export class WrittenByAnother extends LitewakeError {
  constructor(message: string, cause: unknown) {
    const next = "two replicators must not share one replica: stop the other one, or give this one a path of its own";
    super("refused", message, { next, cause });
    this.name = "WrittenByAnother";
  }
}

/**
 * Makes a put and settles its `Conflict`: an earlier put of ours may have been stored although its answer was lost.
 * `plain` yields the uncompressed bytes that were to be stored.
 */
export async function settleConflict(
  client: ReplicaClient,
  key: string,
  put: () => Promise<PutResult>,
  plain: () => ByteStream,
): Promise<void> {
  try {
    await put();
  } catch (error) {
    if (!ReplicaError.is(error, "Conflict")) throw error;
    if (await sameBytes(decompress(await client.get(key)), plain())) return;
    throw new WrittenByAnother(`${client.url}/${key} was written by another process`, error);
  }
}

async function sameBytes(a: ByteStream, b: ByteStream): Promise<boolean> {
  const left = a[Symbol.asyncIterator]();
  const right = b[Symbol.asyncIterator]();
  let here: Uint8Array = new Uint8Array(0);
  let there: Uint8Array = new Uint8Array(0);
  for (;;) {
    if (here.byteLength === 0) here = await nextBytes(left);
    if (there.byteLength === 0) there = await nextBytes(right);
    const length = Math.min(here.byteLength, there.byteLength);
    if (length === 0) return here.byteLength === there.byteLength;
    if (Buffer.compare(here.subarray(0, length), there.subarray(0, length)) !== 0) return false;
    here = here.subarray(length);
    there = there.subarray(length);
  }
}

async function nextBytes(from: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  for (;;) {
    const { done, value } = await from.next();
    if (done === true) return new Uint8Array(0);
    if (value.byteLength > 0) return value;
  }
}

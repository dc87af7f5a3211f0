// "It is there already": settled by comparing. Our own bytes count as acknowledged; other bytes are another writer's.
import type { ByteStream, PutResult, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { AgeKeyError } from "../codec/age-error.ts";
import { Lz4Error } from "../codec/lz4-error.ts";
import { decompress } from "../codec/lz4-stream.ts";
import { LitewakeError } from "../errors.ts";
import { readHead } from "../replica/object-head.ts";
import { decodeSnapshotProof, type SnapshotProof } from "../replica/proof.ts";

/** Other bytes lie under a name of ours. */
export class WrittenByAnother extends LitewakeError {
  constructor(message: string, cause: unknown) {
    const next = "two replicators must not share one replica: stop the other one, or give this one a path of its own";
    super("refused", message, { next, cause });
    this.name = "WrittenByAnother";
  }
}

/**
 * Makes a put and settles its `Conflict`: an earlier put of ours may have been stored although its answer was lost, or that of
 * a process that was killed came in late. What is there is ours if it is how our log goes on, wherever it was cut; the answer
 * is its length then. `log` yields the uncompressed bytes that the log holds from the object's begin on.
 */
export async function settleConflict(
  client: ReplicaClient,
  key: string,
  put: () => Promise<PutResult>,
  log: () => ByteStream,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    await put();
    return undefined;
  } catch (error) {
    if (!ReplicaError.is(error, "Conflict")) throw error;
    // By the plain bytes: encrypted twice, the same bytes differ. What our keys do not open we have not stored.
    const length = await lengthOnLog(client, key, log(), signal).catch(noneOfOurs);
    if (length !== undefined) return length;
    throw new WrittenByAnother(`${client.url}/${key} was written by another process`, error);
  }
}

function noneOfOurs(error: unknown): undefined {
  if (!(error instanceof AgeKeyError)) throw error;
}

/** A snapshot as the replica holds it. */
export interface StoredSnapshot extends PutResult {
  /** The place that it holds the state of, in its index. Bytes of uncompressed WAL. */
  readonly offset: number;
}

/**
 * Makes the put of a snapshot and settles its `Conflict`: where the answer to an earlier put was lost, the database has gone
 * on since, so that no bytes can be compared. What is there serves as well if it states a place of this index that every
 * segment up to `offset` follows on. Put again and again, a large database would be copied each half minute for nothing.
 */
export async function settleSnapshot(
  client: ReplicaClient,
  key: string,
  put: () => Promise<PutResult>,
  place: { readonly index: number; readonly offset: number },
  signal: AbortSignal,
): Promise<StoredSnapshot> {
  try {
    return { ...(await put()), offset: place.offset };
  } catch (error) {
    if (!ReplicaError.is(error, "Conflict")) throw error;
    const stated = (await statedBy(client, key, signal).catch(noneOfOurs))?.position;
    if (stated !== undefined && stated.index === place.index && stated.offset <= place.offset) {
      for await (const { key: found, size, modifiedAt } of client.list(key, { signal }))
        if (found === key) return { size, modifiedAt, offset: stated.offset };
    }
    throw new WrittenByAnother(`${client.url}/${key} was written by another process`, error);
  }
}

/** What the snapshot says of itself, in front of its content; undefined where that is no snapshot of ours. */
async function statedBy(client: ReplicaClient, key: string, signal: AbortSignal): Promise<SnapshotProof | undefined> {
  try {
    return decodeSnapshotProof(await readHead(client, key, signal));
  } catch (error) {
    if (error instanceof Lz4Error) return undefined;
    throw error;
  }
}

/** Plain bytes of the object, where they are how the log goes on. */
async function lengthOnLog(
  client: ReplicaClient,
  key: string,
  log: ByteStream,
  signal: AbortSignal,
): Promise<number | undefined> {
  const ours = log[Symbol.asyncIterator]();
  let expected: Uint8Array = new Uint8Array(0);
  let length = 0;
  try {
    for await (const chunk of decompress(await client.get(key, { signal }))) {
      for (let rest = chunk; rest.byteLength > 0;) {
        if (expected.byteLength === 0) expected = await nextBytes(ours);
        const count = Math.min(rest.byteLength, expected.byteLength);
        if (count === 0 || Buffer.compare(rest.subarray(0, count), expected.subarray(0, count)) !== 0) return undefined;
        rest = rest.subarray(count);
        expected = expected.subarray(count);
        length += count;
      }
    }
    return length === 0 ? undefined : length;
  } finally {
    await ours.return?.();
  }
}

async function nextBytes(from: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  for (;;) {
    const { done, value } = await from.next();
    if (done === true) return new Uint8Array(0);
    if (value.byteLength > 0) return value;
  }
}

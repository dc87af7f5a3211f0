// Expectations of the cases, on node:assert.
import assert from "node:assert/strict";
import { type ObjectInfo, ReplicaError, type ReplicaClient, type ReplicaErrorCode } from "@litewake/core/backend";
import { collect, digest } from "./bytes.ts";

/** The call rejects with a `ReplicaError` of one of these codes. */
export async function rejectsWith(
  call: () => Promise<unknown>,
  what: string,
  ...codes: readonly ReplicaErrorCode[]
): Promise<ReplicaError> {
  const wanted = codes.join(" or ");
  try {
    await call();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    if (!ReplicaError.is(error)) {
      throw new assert.AssertionError({ message: `${what}: threw ${String(error)}, which is no ReplicaError` });
    }
    assert.ok(codes.includes(error.code), `${what}: code ${error.code} (${error.message}) instead of ${wanted}`);
    return error;
  }
  throw new assert.AssertionError({ message: `${what}: succeeded instead of ${wanted}` });
}

/** The object holds exactly these bytes. */
export async function holds(client: ReplicaClient, key: string, bytes: Uint8Array, what: string = key): Promise<void> {
  const got = await collect(await client.get(key));
  if (Buffer.compare(got, bytes) !== 0) {
    throw new assert.AssertionError({ message: `${what}: holds ${digest(got)} instead of ${digest(bytes)}` });
  }
}

/** The key is absent, for `get` and for `list`. */
export async function isAbsent(client: ReplicaClient, key: string, what: string): Promise<void> {
  await rejectsWith(async () => collect(await client.get(key)), `${what}: get ${key}`, "NotFound");
  assert.deepEqual(await keysOf(client, key), [], `${what}: list shows ${key}`);
}

export async function listed(client: ReplicaClient, prefix: string): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of client.list(prefix)) objects.push(object);
  return objects;
}

export async function keysOf(client: ReplicaClient, prefix: string): Promise<string[]> {
  return (await listed(client, prefix)).map((object) => object.key);
}

/** Settles as `work`, or fails when nothing came within `ms`: the client is stuck. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<never>((_resolve, reject: (error: Error) => void) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what}: no answer within ${ms} ms` })), ms);
  });
  try {
    return await Promise.race([work, stuck]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs `work` for each item, `width` at a time. */
export async function inParallel<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

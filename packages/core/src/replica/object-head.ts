// What stands before the content of a stored object: read without fetching the rest.
import type { ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";
import { MAX_SKIPPABLE_BYTES } from "../codec/lz4-format.ts";
import { LitewakeError } from "../errors.ts";

/** Payloads of the skippable frames before an object's content, by one ranged get. Throws what that throws, and `Lz4Error`. */
export async function readHead(
  client: ReplicaClient,
  key: string,
  signal: AbortSignal | undefined,
): Promise<readonly Uint8Array[]> {
  const decoder = new Lz4FrameDecoder();
  for await (const chunk of await client.get(key, { length: MAX_SKIPPABLE_BYTES, signal })) {
    // The first plain bytes end it: everything before them is there.
    if (decoder.push(chunk).length > 0) break;
  }
  return decoder.skippable;
}

/** Reads an object's proof by one ranged get. `undefined`: there is none, or it cannot be read. */
export async function readProof<T>(
  client: ReplicaClient,
  key: string,
  decode: (skippable: readonly Uint8Array[]) => T | undefined,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  try {
    return decode(await readHead(client, key, signal));
  } catch (error) {
    const unreadable = error instanceof Error && error.name === "Lz4Error";
    if (unreadable || ReplicaError.is(error, "NotFound") || error instanceof LitewakeError) return undefined;
    throw error;
  }
}

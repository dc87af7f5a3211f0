// A client without keys, which says so when it comes to an encrypted object: else a restore would call it damaged.
import type { ByteStream, GetOptions, ReplicaClient } from "../backend/client.ts";
import { overriding } from "../backend/overriding.ts";
import { releasing } from "../backend/stream.ts";
import { AgeKeyError } from "../codec/age-error.ts";
import { beginningOf } from "../codec/age-header.ts";
import { isOwnKey } from "../replica/layout.ts";

/** Passes everything on. The stream of a `get` that turns out to be encrypted by age throws `AgeKeyError`. */
export function unencrypted(client: ReplicaClient): ReplicaClient {
  return overriding(client, {
    get: async (key: string, options?: GetOptions): Promise<ByteStream> => {
      const stored = await client.get(key, options);
      if (isOwnKey(key) || (options?.offset ?? 0) > 0) return stored;
      const chunks = stored[Symbol.asyncIterator]();
      return releasing(watched(chunks, `${client.url}/${key}`), async () => void (await chunks.return?.()));
    },
  });
}

async function* watched(chunks: AsyncIterator<Uint8Array>, where: string): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return;
    if (head !== undefined) {
      head = Buffer.concat([head, next.value.subarray(0, 64)]);
      const beginning = beginningOf(head);
      if (beginning === "age") throw new AgeKeyError("encrypted", where);
      if (beginning !== "more") head = undefined;
    }
    yield next.value;
  }
}

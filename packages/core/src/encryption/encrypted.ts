// A client whose objects are encrypted by age, as Litestream 0.3.13 does it: the stored form is age(lz4(bytes)), under the same
// names. Litewake's own objects stay as they are: they hold no content of a database, and whoever has no key needs them too.
import type {
  ByteStream,
  CallOptions,
  GetOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  ReplicaClient,
} from "../backend/client.ts";
import { throwIfAborted } from "../backend/abort.ts";
import { releasing } from "../backend/stream.ts";
import { AgeDamage, AgeKeyError } from "../codec/age-error.ts";
import { beginningOf, headerBytes, headerEnd, MAX_HEADER_BYTES } from "../codec/age-header.ts";
import {
  CHUNK_BYTES,
  NONCE_BYTES,
  openedBytes,
  openedStream,
  payloadKey,
  SEALED_CHUNK_BYTES,
  sealedStream,
  sealedWhole,
} from "../codec/age-payload.ts";
import { ByteQueue } from "../codec/byte-queue.ts";
import { isOwnKey } from "../replica/layout.ts";
import type { AgeKeys } from "./age-keys.ts";
import { WrappedClient } from "../backend/wrapped.ts";

/** Asked for first where a range is wanted: the headers of some 40 recipients. */
const PROBE_BYTES = 4 << 10;

/**
 * The client's objects, encrypted on their way in and decrypted on their way out; sizes are those of the bytes before. Of an
 * object that another program has encrypted for another number of recipients a listing tells some hundred bytes too many or
 * too few. Throws `AgeKeyError` out of `get` where no key fits or the object is not encrypted, and `AgeDamage` out of `get` or
 * its stream.
 */
export function encrypted(client: ReplicaClient, keys: AgeKeys): ReplicaClient {
  return new EncryptedClient(client, keys);
}

interface Head {
  /** Of header and nonce. */
  readonly bytes: number;
  /** Of the chunks. */
  readonly key: Uint8Array;
}

class EncryptedClient extends WrappedClient {
  readonly #keys: AgeKeys;
  /** Stored before the first chunk. */
  readonly #headBytes: number;

  constructor(inner: ReplicaClient, keys: AgeKeys) {
    super(inner);
    this.#keys = keys;
    this.#headBytes = headerBytes(keys.recipients) + NONCE_BYTES;
  }

  override async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    for await (const object of this.inner.list(prefix, options)) {
      yield isOwnKey(object.key) ? object : { ...object, size: openedBytes(object.size - this.#headBytes) };
    }
  }

  override async get(key: string, options: GetOptions = {}): Promise<ByteStream> {
    const { offset = 0, length = Infinity } = options;
    if (isOwnKey(key) || length <= 0) return this.inner.get(key, options);
    return offset === 0 && length === Infinity ? this.#whole(key, options) : this.#range(key, offset, length, options);
  }

  override async put(key: string, body: PutBody, options?: PutOptions): Promise<PutResult> {
    if (isOwnKey(key)) return this.inner.put(key, body, options);
    const { header, fileKey } = await this.#keys.seal();
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const payload = payloadKey(fileKey, nonce);
    const sealed =
      body instanceof Uint8Array
        ? Buffer.concat([header, nonce, sealedWhole(payload, body)])
        : joined([header, nonce], sealedStream(payload, body));
    const result = await this.inner.put(key, sealed, options);
    return { ...result, size: openedBytes(result.size - this.#headBytes) };
  }

  override async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.inner.delete(keys, options);
  }

  async #whole(key: string, options: GetOptions): Promise<ByteStream> {
    const stored = (await this.inner.get(key, options))[Symbol.asyncIterator]();
    const release = async (): Promise<void> => void (await stored.return?.());
    try {
      const queue = new ByteQueue(stored);
      const head = await this.#head(key, queue, Infinity);
      if (head === undefined) throw cut();
      const plain = openedStream(head.key, queue, { first: 0, last: Infinity });
      return releasing(wanted(plain, { skip: 0, length: Infinity, key, signal: options.signal }), release);
    } catch (error) {
      await release();
      throw error;
    }
  }

  // Two requests: where the chunks begin is known only when the header was read.
  async #range(key: string, offset: number, length: number, options: GetOptions): Promise<ByteStream> {
    const head = await this.#probe(key, options);
    const first = Math.floor(offset / CHUNK_BYTES);
    const last = length === Infinity ? Infinity : Math.floor((offset + length - 1) / CHUNK_BYTES);
    const range = {
      offset: head.bytes + first * SEALED_CHUNK_BYTES,
      length: last === Infinity ? undefined : (last - first + 1) * SEALED_CHUNK_BYTES,
    };
    const stored = (await this.inner.get(key, { ...options, ...range }))[Symbol.asyncIterator]();
    const queue = new ByteQueue(stored);
    const plain = openedStream(head.key, queue, { first, last });
    const skip = offset - first * CHUNK_BYTES;
    const proven = first === 0 ? plain : this.#unlessEmpty(plain, key, offset, options);
    return releasing(
      wanted(proven, { skip, length, key, signal: options.signal }),
      async () => void (await stored.return?.()),
    );
  }

  // No byte where some were asked for: only the whole file can prove that it ends before, and was not cut there.
  async *#unlessEmpty(
    plain: AsyncIterable<Uint8Array>,
    key: string,
    offset: number,
    { signal }: GetOptions,
  ): AsyncGenerator<Uint8Array> {
    let isEmpty = true;
    for await (const chunk of plain) {
      isEmpty = false;
      yield chunk;
    }
    if (!isEmpty) return;
    let bytes = 0;
    for await (const chunk of await this.#whole(key, { signal })) bytes += chunk.byteLength;
    if (bytes > offset) throw new AgeDamage("it was another file a moment before");
  }

  async #probe(key: string, options: GetOptions): Promise<Head> {
    for (let asked = PROBE_BYTES; ; asked *= 4) {
      const stored = (await this.inner.get(key, { ...options, offset: 0, length: asked }))[Symbol.asyncIterator]();
      try {
        const head = await this.#head(key, new ByteQueue(stored), asked);
        if (head !== undefined) return head;
      } finally {
        await stored.return?.();
      }
    }
  }

  /** Reads header and nonce. Undefined: they are longer than the bytes asked for. */
  async #head(key: string, queue: ByteQueue, asked: number): Promise<Head | undefined> {
    const where = `${this.url}/${key}`;
    for (;;) {
      const bytes = queue.peek(queue.bytes);
      const beginning = beginningOf(bytes);
      if (beginning === "lz4") throw new AgeKeyError("not-encrypted", where);
      if (beginning === "other") throw new AgeDamage("it does not begin as an age file does");
      const end = beginning === "age" ? headerEnd(bytes) : undefined;
      if (end !== undefined && bytes.byteLength >= end + NONCE_BYTES) {
        const fileKey = await this.#keys.open(Uint8Array.from(bytes.subarray(0, end)));
        if (typeof fileKey === "string") throw new AgeKeyError(fileKey, where);
        queue.take(end);
        return { bytes: end + NONCE_BYTES, key: payloadKey(fileKey, queue.take(NONCE_BYTES)) };
      }
      if (bytes.byteLength > MAX_HEADER_BYTES) throw new AgeDamage("its header has no end");
      if (await queue.fill(bytes.byteLength + 1)) continue;
      if (bytes.byteLength >= asked) return undefined;
      throw cut();
    }
  }
}

function cut(): AgeDamage {
  return new AgeDamage("it ends inside of its header");
}

async function* joined(head: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* head;
  yield* rest;
}

interface Wanted {
  readonly skip: number;
  readonly length: number;
  readonly key: string;
  readonly signal: AbortSignal | undefined;
}

async function* wanted(
  plain: AsyncIterable<Uint8Array>,
  { skip, length, key, signal }: Wanted,
): AsyncGenerator<Uint8Array> {
  let before = skip;
  let left = length;
  for await (const chunk of plain) {
    // Several chunks may have come at once before the signal fired.
    throwIfAborted(signal, "get", key);
    const from = Math.min(before, chunk.byteLength);
    before -= from;
    const bytes = chunk.subarray(from, from + left);
    left -= bytes.byteLength;
    if (bytes.byteLength > 0) yield bytes;
    if (left <= 0) return;
  }
}

// A replica in a container: the five verbs on Azure's SDK.
import type { Readable } from "node:stream";
import {
  type ByteStream,
  type CallOptions,
  canBegin,
  type Capabilities,
  checkKey,
  eachInParallel,
  type GetOptions,
  noBytes,
  type ObjectInfo,
  type PutBody,
  type PutOptions,
  type PutResult,
  readableBytes,
  type ReplicaClient,
  ReplicaError,
  type ReplicaOperation,
  type Share,
  throwIfAborted,
  withOwnSignal,
} from "@litewake/core/backend";
import { connect, type Connection, type IdentityLoader } from "./connection.ts";
import { absError, brokenBody, isPastEnd } from "./errors.ts";
import { inKeyOrder } from "./key-order.ts";
import type { AbsOptions } from "./options.ts";
import { upload } from "./upload.ts";

const PAGE = 5000;
/** A batch of deletes would need rights on the whole account with some signatures; single ones need none. */
const DELETES_AT_ONCE = 32;

export class AbsClient implements ReplicaClient {
  readonly type = "abs";
  readonly url: string;
  readonly capabilities: Capabilities = { putIfAbsent: true };
  readonly #options: AbsOptions;
  readonly #share: Share<Connection>;
  readonly #root: string;
  readonly #where: string;

  private constructor(options: AbsOptions, share: Share<Connection>) {
    this.#options = options;
    this.#share = share;
    this.#root = options.prefix === "" ? "" : `${options.prefix}/`;
    this.#where = `${options.container} at ${options.endpoint.replace(/^https?:\/\//, "")}`;
    this.url = `abs://${options.container}${options.prefix === "" ? "" : `/${options.prefix}`}`;
  }

  /** Opens no socket before the first call. Throws one line if @azure/identity is needed and missing. */
  static async open(options: AbsOptions, loadIdentity?: IdentityLoader): Promise<AbsClient> {
    return new AbsClient(options, await connect(options, loadIdentity));
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    throwIfAborted(signal, "list", prefix);
    if (canBegin(prefix)) yield* inKeyOrder(this.#pages(prefix, signal));
  }

  async *#pages(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<ObjectInfo> {
    let continuationToken: string | undefined;
    do {
      const page = await this.#call("list", prefix, signal, async (abortSignal) => {
        const blobs = this.#connection.container.listBlobsFlat({ prefix: this.#root + prefix, abortSignal });
        const settings = { maxPageSize: PAGE, ...(continuationToken === undefined ? {} : { continuationToken }) };
        return (await blobs.byPage(settings).next()).value;
      });
      for (const { name, properties } of page?.segment.blobItems ?? []) {
        throwIfAborted(signal, "list", prefix);
        const key = name.slice(this.#root.length);
        // A tool's "folder" may be a blob whose name ends with a slash; no client of ours can put such a key.
        if (key === "" || key.endsWith("/")) continue;
        yield { key, size: properties.contentLength ?? 0, modifiedAt: properties.lastModified };
      }
      continuationToken = page?.continuationToken === "" ? undefined : page?.continuationToken;
    } while (continuationToken !== undefined);
  }

  async get(key: string, { offset = 0, length, signal }: GetOptions = {}): Promise<ByteStream> {
    checkKey(key, "get");
    const blob = this.#connection.container.getBlobClient(this.#root + key);
    if (length !== undefined && length <= 0) {
      await this.#call("get", key, signal, (abortSignal) => blob.getProperties({ abortSignal }));
      return noBytes();
    }
    const count = length === undefined || length === Infinity ? undefined : length;
    const answer = await this.#call("get", key, signal, async (abortSignal) => {
      try {
        return await blob.download(offset, count, { abortSignal, maxRetryRequests: 0 });
      } catch (error) {
        if (isPastEnd(error)) return undefined;
        throw error;
      }
    });
    if (answer?.readableStreamBody === undefined) return noBytes();
    return readableBytes(answer.readableStreamBody as Readable, {
      key,
      signal,
      expectedBytes: answer.contentLength,
      toError: (error) => brokenBody(error, key, this.#where),
    });
  }

  async put(key: string, body: PutBody, { ifAbsent = false, signal }: PutOptions = {}): Promise<PutResult> {
    checkKey(key, "put");
    return this.#call("put", key, signal, (own) => {
      const blob = this.#connection.container.getBlockBlobClient(this.#root + key);
      return upload({ blob, ifAbsent, tier: this.#options.accessTier, signal: own }, { body, key, signal: own });
    });
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key, "delete");
    throwIfAborted(signal, "delete");
    await eachInParallel(new Set(keys), DELETES_AT_ONCE, (key) => this.#deleteOne(key, signal));
  }

  async close(): Promise<void> {
    this.#share.release();
  }

  get #connection(): Connection {
    return this.#share.connection;
  }

  async #deleteOne(key: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      const blob = this.#connection.container.getBlobClient(this.#root + key);
      await this.#call("delete", key, signal, (abortSignal) =>
        blob.delete({ abortSignal, deleteSnapshots: "include" }),
      );
    } catch (error) {
      if (!ReplicaError.is(error, "NotFound")) throw error;
    }
  }

  #call<T>(
    operation: ReplicaOperation,
    key: string | undefined,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withOwnSignal({ operation, key, signal }, work, (error) =>
      absError(error, { operation, key, where: this.#where }),
    );
  }
}

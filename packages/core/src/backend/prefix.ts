// A sub-root: a client whose keys all lie below one prefix of another client.
import type {
  ByteStream,
  CallOptions,
  GetOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  ReplicaClient,
} from "./client.ts";
import { checkKey } from "./key.ts";
import { WrappedClient } from "./wrapped.ts";

export interface PrefixedOptions {
  /** Closing the sub-root closes the client. Default false: the store may have other sub-roots. */
  readonly ownsClient?: boolean;
}

/**
 * The client's objects below `folder` (`shard_1`, without a slash at the end), under keys relative to it. Errors name the
 * whole key. Closing it does nothing, unless it owns the client: the store belongs to whoever opened it.
 */
export function prefixed(
  client: ReplicaClient,
  folder: string,
  { ownsClient = false }: PrefixedOptions = {},
): ReplicaClient {
  checkKey(folder, "open");
  return new PrefixedClient(client, `${folder}/`, ownsClient);
}

class PrefixedClient extends WrappedClient {
  readonly #prefix: string;
  readonly #ownsInner: boolean;

  constructor(inner: ReplicaClient, prefix: string, ownsInner: boolean) {
    super(inner);
    this.#prefix = prefix;
    this.#ownsInner = ownsInner;
  }

  override get url(): string {
    return `${this.inner.url.replace(/\/$/, "")}/${this.#prefix.slice(0, -1)}`;
  }

  override async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    for await (const object of this.inner.list(this.#prefix + prefix, options)) {
      yield { ...object, key: object.key.slice(this.#prefix.length) };
    }
  }

  override async get(key: string, options?: GetOptions): Promise<ByteStream> {
    return this.inner.get(this.#under(key, "get"), options);
  }

  override async put(key: string, body: PutBody, options?: PutOptions): Promise<PutResult> {
    return this.inner.put(this.#under(key, "put"), body, options);
  }

  override async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.inner.delete(
      keys.map((key) => this.#under(key, "delete")),
      options,
    );
  }

  override async close(): Promise<void> {
    if (this.#ownsInner) await this.inner.close();
  }

  // Checked before it is joined: `..` would lead out of the sub-root.
  #under(key: string, operation: "get" | "put" | "delete"): string {
    checkKey(key, operation);
    return this.#prefix + key;
  }
}

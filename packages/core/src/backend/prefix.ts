// A sub-root: a client whose keys all lie below one prefix of another client.
import type {
  ByteStream,
  CallOptions,
  Capabilities,
  GetOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  ReplicaClient,
} from "./client.ts";
import { checkKey } from "./key.ts";

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

class PrefixedClient implements ReplicaClient {
  readonly #inner: ReplicaClient;
  readonly #prefix: string;
  readonly #ownsInner: boolean;

  constructor(inner: ReplicaClient, prefix: string, ownsInner: boolean) {
    this.#inner = inner;
    this.#prefix = prefix;
    this.#ownsInner = ownsInner;
  }

  get type(): string {
    return this.#inner.type;
  }

  get url(): string {
    return `${this.#inner.url.replace(/\/$/, "")}/${this.#prefix.slice(0, -1)}`;
  }

  get capabilities(): Capabilities {
    return this.#inner.capabilities;
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    for await (const object of this.#inner.list(this.#prefix + prefix, options)) {
      yield { ...object, key: object.key.slice(this.#prefix.length) };
    }
  }

  async get(key: string, options?: GetOptions): Promise<ByteStream> {
    return this.#inner.get(this.#under(key, "get"), options);
  }

  async put(key: string, body: PutBody, options?: PutOptions): Promise<PutResult> {
    return this.#inner.put(this.#under(key, "put"), body, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#inner.delete(
      keys.map((key) => this.#under(key, "delete")),
      options,
    );
  }

  async close(): Promise<void> {
    if (this.#ownsInner) await this.#inner.close();
  }

  // Checked before it is joined: `..` would lead out of the sub-root.
  #under(key: string, operation: "get" | "put" | "delete"): string {
    checkKey(key, operation);
    return this.#prefix + key;
  }
}

// What every client that wraps another one has in common: it is of the same type and place, can the same, and closes with it.
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

/** A client around another one; its verbs are the subclass's. */
export abstract class WrappedClient implements ReplicaClient {
  protected readonly inner: ReplicaClient;

  constructor(inner: ReplicaClient) {
    this.inner = inner;
  }

  get type(): string {
    return this.inner.type;
  }

  get url(): string {
    return this.inner.url;
  }

  get capabilities(): Capabilities {
    return this.inner.capabilities;
  }

  abstract list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;
  abstract get(key: string, options?: GetOptions): Promise<ByteStream>;
  abstract put(key: string, body: PutBody, options?: PutOptions): Promise<PutResult>;
  abstract delete(keys: readonly string[], options?: CallOptions): Promise<void>;

  async close(): Promise<void> {
    return this.inner.close();
  }
}

// A right client whose store is a map: the kit's own model, and a store for tests that need no disk.
import {
  abortable,
  bodyChunks,
  type ByteStream,
  type CallOptions,
  type Capabilities,
  checkKey,
  compareKeys,
  type GetOptions,
  type ObjectInfo,
  type PutBody,
  type PutOptions,
  type PutResult,
  type ReplicaClient,
  ReplicaError,
  type ReplicaOperation,
  throwIfAborted,
} from "@litewake/core/backend";

/** An object as the memory client stores it. Its bytes are never changed in place. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly modifiedAt: Date;
}

export interface MemoryClientOptions {
  /** What the client declares and does. Default true. */
  readonly putIfAbsent?: boolean;
  /** Objects by key; hand in the same map to open one store twice. Default: a new one. */
  readonly objects?: Map<string, StoredObject>;
  /** The store's clock. Default: the host's. */
  readonly now?: () => Date;
  /** Bytes in a chunk of a get. Default 65,536. */
  readonly chunkBytes?: number;
}

/** Opens a store in memory. It keeps every promise of `ReplicaClient`, and keeps all bytes in memory. */
export function memoryClient(options: MemoryClientOptions = {}): ReplicaClient {
  return new MemoryClient(options);
}

export class MemoryClient implements ReplicaClient {
  readonly type = "memory";
  readonly url: string = "memory://";
  readonly capabilities: Capabilities;
  readonly objects: Map<string, StoredObject>;
  readonly #now: () => Date;
  readonly #chunkBytes: number;

  constructor(options: MemoryClientOptions = {}) {
    this.capabilities = { putIfAbsent: options.putIfAbsent ?? true };
    this.objects = options.objects ?? new Map();
    this.#now = options.now ?? (() => new Date());
    this.#chunkBytes = options.chunkBytes ?? 65_536;
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    await turn(signal, "list", prefix);
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).toSorted(compareKeys);
    for (const key of keys) {
      throwIfAborted(signal, "list", prefix);
      const object = this.objects.get(key);
      if (object !== undefined) yield { key, size: object.bytes.byteLength, modifiedAt: object.modifiedAt };
    }
  }

  async get(key: string, { offset = 0, length = Infinity, signal }: GetOptions = {}): Promise<ByteStream> {
    checkKey(key, "get");
    await turn(signal, "get", key);
    const object = this.objects.get(key);
    if (object === undefined)
      throw new ReplicaError({ code: "NotFound", operation: "get", key, reason: "no such object" });
    return this.#chunks(key, object.bytes.subarray(offset, offset + length), signal);
  }

  async *#chunks(key: string, bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.byteLength; at += this.#chunkBytes) {
      await turn(signal, "get", key);
      yield bytes.slice(at, at + this.#chunkBytes);
    }
  }

  async put(key: string, body: PutBody, { ifAbsent = false, signal }: PutOptions = {}): Promise<PutResult> {
    checkKey(key, "put");
    if (ifAbsent && !this.capabilities.putIfAbsent) {
      throw new ReplicaError({
        code: "Unsupported",
        operation: "put",
        key,
        reason: "this store has no conditional put",
      });
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of bodyChunks(body, key, signal)) chunks.push(chunk.slice());
    await turn(signal, "put", key);
    // From the look to the store without a pause: that makes it atomic here.
    if (ifAbsent && this.objects.has(key)) {
      throw new ReplicaError({ code: "Conflict", operation: "put", key, reason: "the object is there already" });
    }
    const object = { bytes: Buffer.concat(chunks), modifiedAt: this.#now() };
    this.objects.set(key, object);
    return { size: object.bytes.byteLength, modifiedAt: object.modifiedAt };
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key, "delete");
    await turn(signal, "delete");
    for (const key of keys) this.objects.delete(key);
  }

  async close(): Promise<void> {}
}

// As a real store, it never answers in the caller's own turn.
async function turn(signal: AbortSignal | undefined, operation: ReplicaOperation, key?: string): Promise<void> {
  throwIfAborted(signal, operation, key);
  await abortable(new Promise<void>((resolve) => setImmediate(resolve)), signal, operation, key);
}

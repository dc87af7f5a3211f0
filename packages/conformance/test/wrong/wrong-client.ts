// How a wrong client is made: a right one in memory with one verb that breaks one promise.
import type { ByteStream, PutBody, ReplicaClient } from "@litewake/core/backend";
import { MemoryClient, type Subject } from "@litewake/conformance";

export interface WrongSubject {
  readonly name: string;
  /** The case that must fail. */
  readonly caughtBy: string;
  readonly subject: Subject;
}

type Verbs = Pick<ReplicaClient, "list" | "get" | "put" | "delete" | "close" | "type" | "url">;

/** A client that does as `right` but for the verbs given. */
export function override(right: ReplicaClient, verbs: Partial<Verbs>): ReplicaClient {
  return {
    type: right.type,
    url: right.url,
    capabilities: right.capabilities,
    list: (prefix, options) => right.list(prefix, options),
    get: (key, options) => right.get(key, options),
    put: (key, body, options) => right.put(key, body, options),
    delete: (keys, options) => right.delete(keys, options),
    close: () => right.close(),
    ...verbs,
  };
}

/** A subject whose clients break a promise. */
export function wrong(
  name: string,
  caughtBy: string,
  verbs: (right: MemoryClient) => Partial<Verbs>,
  options: ConstructorParameters<typeof MemoryClient>[0] = {},
): WrongSubject {
  const open = async (): Promise<ReplicaClient> => {
    const right = new MemoryClient(options);
    return override(right, verbs(right));
  };
  return { name, caughtBy, subject: { name, open } };
}

export async function bytesOf(body: PutBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.slice();
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

export async function* streamOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Stores without any check, as a careless backend does. */
export function store(right: MemoryClient, key: string, bytes: Uint8Array): { size: number; modifiedAt: Date } {
  const object = { bytes, modifiedAt: new Date() };
  right.objects.set(key, object);
  return { size: bytes.byteLength, modifiedAt: object.modifiedAt };
}

export async function* mapped(
  stream: ByteStream,
  change: (chunk: Uint8Array) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield change(chunk);
}

export function pause(ms = 1): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

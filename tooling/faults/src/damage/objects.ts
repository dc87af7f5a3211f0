// A replica as a map of objects, and a client that serves it: nothing between the damage and the restore.
import type { ByteStream, GetOptions, ObjectInfo, ReplicaClient } from "@litewake/core/backend";
import { ReplicaError } from "@litewake/core/backend";

export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly modifiedAt: Date;
}

export type Objects = ReadonlyMap<string, StoredObject>;

/** Keys that a listing shows and a get does not find: deleted in between. */
export type Vanished = ReadonlySet<string>;

/** Reads only; pieces of 8 KiB, so that objects come in more than one. */
export function clientOf(objects: Objects, vanished: Vanished = new Set()): ReplicaClient {
  return {
    type: "memory",
    url: "memory://damaged",
    capabilities: { putIfAbsent: true },
    async *list(prefix: string): AsyncGenerator<ObjectInfo> {
      for (const key of [...objects.keys()].filter((name) => name.startsWith(prefix)).sort()) {
        const object = objects.get(key);
        if (object !== undefined) yield { key, size: object.bytes.byteLength, modifiedAt: object.modifiedAt };
      }
    },
    async get(key: string, { offset = 0, length = Number.POSITIVE_INFINITY }: GetOptions = {}): Promise<ByteStream> {
      const object = vanished.has(key) ? undefined : objects.get(key);
      if (object === undefined) throw new ReplicaError({ code: "NotFound", operation: "get", key, reason: "gone" });
      return pieces(object.bytes.subarray(offset, offset + length));
    },
    put: () => Promise.reject(new Error("a restore writes nothing")),
    delete: () => Promise.reject(new Error("a restore deletes nothing")),
    close: () => Promise.resolve(),
  };
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 8192) yield bytes.slice(at, at + 8192);
}

export function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

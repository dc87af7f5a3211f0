// Wrong at opening and at puts.
import { type PutBody, type PutOptions, ReplicaError, throwIfAborted } from "@litewake/core/backend";
import { memoryClient, type StoredObject } from "@litewake/conformance";
import { bytesOf, override, store, wrong, type WrongSubject } from "./wrong-client.ts";

const shared = new Map<string, StoredObject>();

// Makes each chunk visible as it comes.
const grows = (right: Parameters<Parameters<typeof wrong>[2]>[0], from: (key: string) => string) => ({
  put: async (key: string, body: PutBody, { signal }: PutOptions = {}) => {
    throwIfAborted(signal, "put", key);
    const parts: Uint8Array[] = [];
    for await (const part of body instanceof Uint8Array ? [body] : body) {
      parts.push(part.slice());
      store(right, from(key), Buffer.concat(parts));
    }
    const result = store(right, key, Buffer.concat(parts));
    if (from(key) !== key) right.objects.delete(from(key));
    return result;
  },
});

export const wrongPuts: readonly WrongSubject[] = [
  {
    name: "sharesOneRoot",
    caughtBy: "open.isolated",
    subject: { name: "sharesOneRoot", open: async () => memoryClient({ objects: shared }) },
  },
  wrong("namesNothing", "open.describes-itself", () => ({ type: "", url: "" })),
  wrong("halfWrites", "put.invisible-until-whole", (right) => grows(right, (key) => key)),
  wrong("writesInPlace", "put.old-until-whole", (right) => grows(right, (key) => key)),
  wrong("listsTemporaries", "put.leaves-no-strangers", (right) => grows(right, (key) => `${key}.tmp`)),
  wrong("truncatesOnThrow", "put.body-throws", (right) => ({
    put: async (key, body, options) => {
      const parts: Uint8Array[] = [];
      try {
        for await (const part of body instanceof Uint8Array ? [body] : body) parts.push(part);
      } catch (error) {
        store(right, key, Buffer.concat(parts));
        throw new ReplicaError({
          code: "Unknown",
          retryable: false,
          operation: "put",
          key,
          reason: "it broke",
          cause: error,
        });
      }
      return right.put(key, Buffer.concat(parts), options);
    },
  })),
  wrong("hidesTheBodysError", "put.body-throws", (right) => ({
    put: (key, body, options) =>
      right.put(
        key,
        body instanceof Uint8Array
          ? body
          : (async function* () {
              try {
                yield* body;
              } catch {
                throw new Error("something went wrong");
              }
            })(),
        options,
      ),
  })),
  wrong("deletesBeforeItOverwrites", "put.body-throws-keeps-old", (right) => ({
    put: async (key, body, options) => {
      await right.delete([key]);
      return right.put(key, body, options);
    },
  })),
  wrong("keepsTheOldTail", "put.replaces-whole", (right) => ({
    put: async (key, body) => {
      const bytes = await bytesOf(body);
      const old = right.objects.get(key)?.bytes ?? new Uint8Array(0);
      return store(right, key, Buffer.concat([bytes, old.subarray(bytes.byteLength)]));
    },
  })),
  wrong("readsTheVersionBefore", "put.read-after-write", (right) => {
    const before = new Map<string, StoredObject>();
    const asBefore = memoryClient({ objects: before });
    return {
      put: async (key, body, options) => {
        const old = right.objects.get(key);
        if (old !== undefined) before.set(key, old);
        return right.put(key, body, options);
      },
      get: (key, options) => (before.has(key) ? asBefore : right).get(key, options),
    };
  }),
  wrong("listsFromACache", "put.list-after-write", (right) => {
    const cache = new Map<string, { key: string; size: number; modifiedAt: Date }>();
    return {
      async *list(prefix, options) {
        for await (const object of right.list(prefix, options)) {
          if (!cache.has(object.key)) cache.set(object.key, object);
          yield cache.get(object.key) ?? object;
        }
      },
    };
  }),
  wrong("tellsNoSize", "put.result", (right) => ({
    put: async (key, body, options) => ({ ...(await right.put(key, body, options)), size: 0 }),
  })),
  wrong("tellsTheHostsClock", "put.result", (right) => ({
    put: async (key, body, options) => ({
      ...(await right.put(key, body, options)),
      modifiedAt: new Date(Date.now() - 60_000),
    }),
  })),
  wrong("keepsTheCallersBuffer", "put.copies-bytes", (right) => ({
    put: async (key, body, options) =>
      body instanceof Uint8Array ? store(right, key, body) : right.put(key, body, options),
  })),
  wrong("keepsTheCallersChunks", "put.copies-bytes", (right) => ({
    put: async (key, body) => {
      const parts: Uint8Array[] = [];
      for await (const part of body instanceof Uint8Array ? [body.slice()] : body) parts.push(part);
      return store(right, key, Buffer.concat(parts));
    },
  })),
];

// For the case of bounded memory the memory client itself is the wrong one.
export const buffersWholeObjects: WrongSubject = {
  name: "buffersWholeObjects",
  caughtBy: "size.bounded-memory",
  subject: { name: "buffersWholeObjects", open: async () => override(memoryClient(), {}) },
};

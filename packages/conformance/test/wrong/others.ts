// Wrong at deletes, keys, sizes, concurrency and conditional puts.
import { ReplicaError } from "@litewake/core/backend";
import type { MemoryClient } from "@litewake/conformance";
import { bytesOf, pause, store, streamOf, wrong, type WrongSubject } from "./wrong-client.ts";

// Names objects by something else than their key.
const renamed = (right: MemoryClient, name: (key: string) => string) => ({
  get: (key: string, options?: object) => right.get(name(key), options),
  put: (key: string, body: Parameters<MemoryClient["put"]>[1], options?: object) => right.put(name(key), body, options),
  delete: (keys: readonly string[], options?: object) => right.delete(keys.map(name), options),
});

export const wrongDeletes: readonly WrongSubject[] = [
  wrong("failsOnAbsentDelete", "delete.absent", (right) => ({
    delete: async (keys, options) => {
      for (const key of keys) await right.get(key);
      return right.delete(keys, options);
    },
  })),
  wrong("takesNoKeysForAll", "delete.none", (right) => ({
    delete: async (keys, options) => (keys.length === 0 ? right.objects.clear() : right.delete(keys, options)),
  })),
  wrong("deletesBelowTheKey", "delete.exact", (right) => ({
    delete: async (keys) => {
      for (const gone of keys)
        for (const key of right.objects.keys()) if (key.startsWith(gone)) right.objects.delete(key);
    },
  })),
  wrong("buriesDeletedKeys", "delete.then-put", (right) => {
    const buried = new Set<string>();
    return {
      delete: async (keys, options) => {
        for (const key of keys) buried.add(key);
        return right.delete(keys, options);
      },
      async *list(prefix, options) {
        for await (const object of right.list(prefix, options)) if (!buried.has(object.key)) yield object;
      },
    };
  }),
  wrong("deletesTheFirstThousand", "delete.many", (right) => ({
    delete: (keys, options) => right.delete(keys.slice(0, 1000), options),
  })),
];

export const wrongKeys: readonly WrongSubject[] = [
  wrong("decodesKeys", "keys.odd", (right) =>
    renamed(right, (key) => key.replaceAll("%20", " ").replaceAll("%2F", "/")),
  ),
  wrong("takesPlusForSpace", "keys.odd", (right) => renamed(right, (key) => key.replaceAll("+", " "))),
  wrong("composesUnicode", "keys.odd", (right) => renamed(right, (key) => key.normalize("NFC"))),
  wrong("encodesFolders", "keys.odd-folders", (right) =>
    renamed(right, (key) =>
      key
        .split("/")
        .map((part, n) => (n === 1 ? encodeURIComponent(part) : part))
        .join("/"),
    ),
  ),
  wrong("cutsLongKeys", "keys.long", (right) => renamed(right, (key) => key.slice(0, 255))),
  wrong("followsDots", "keys.stay-inside", (right) =>
    renamed(right, (key) => new URL(`x:///${key}`).pathname.slice(1)),
  ),
  wrong("endsNamesAtADot", "keys.neighbours", (right) => renamed(right, (key) => key.replace(/\.b$/, ""))),
];

export const wrongSizes: readonly WrongSubject[] = [
  wrong("dropsEmptyObjects", "size.empty", (right) => ({
    put: async (key, body, options) => {
      const bytes = await bytesOf(body);
      return bytes.byteLength === 0 ? { size: 0, modifiedAt: new Date() } : right.put(key, bytes, options);
    },
  })),
  wrong("losesTheLastPart", "size.parts", (right) => ({
    put: async (key, body, options) => {
      const bytes = await bytesOf(body);
      const part = 5 * 1024 * 1024;
      return right.put(
        key,
        bytes.byteLength > part ? bytes.subarray(0, bytes.byteLength - (bytes.byteLength % part)) : bytes,
        options,
      );
    },
  })),
  wrong("stopsAtAnEmptyChunk", "size.chunks", (right) => ({
    put: (key, body, options) =>
      right.put(
        key,
        body instanceof Uint8Array
          ? body
          : (async function* () {
              for await (const chunk of body) {
                if (chunk.byteLength === 0) return;
                yield chunk;
              }
            })(),
        options,
      ),
  })),
  wrong("overflowsAt4Mib", "size.big", (right) => ({
    get: async (key, options = {}) => right.get(key, { ...options, offset: (options.offset ?? 0) % (4 * 1024 * 1024) }),
  })),
];

export const wrongConcurrency: readonly WrongSubject[] = [
  wrong("sharesOneBuffer", "parallel.puts-and-gets", (right) => {
    let parts: Uint8Array[] = [];
    return {
      put: async (key, body, options) => {
        parts = [];
        for await (const part of body instanceof Uint8Array ? streamOf(body) : body) {
          await pause(0);
          parts.push(part.slice());
        }
        return right.put(key, Buffer.concat(parts), options);
      },
    };
  }),
  wrong("interleavesWrites", "parallel.last-writer-wins", (right) => {
    const open = new Map<string, Uint8Array[]>();
    return {
      put: async (key, body) => {
        const parts = open.get(key) ?? [];
        open.set(key, parts);
        for await (const part of body instanceof Uint8Array ? streamOf(body) : body) {
          parts.push(part.slice());
          await pause(0);
        }
        open.delete(key);
        return store(right, key, Buffer.concat(parts));
      },
    };
  }),
  wrong("unlinksThenRenames", "parallel.readers-see-whole", (right) => ({
    put: async (key, body, options) => {
      const bytes = await bytesOf(body);
      await right.delete([key]);
      await pause();
      return right.put(key, bytes, options);
    },
  })),
];

export const wrongConditional: readonly WrongSubject[] = [
  wrong("looksThenPuts", "if-absent.one-winner", (right) => ({
    put: async (key, body, options = {}) => {
      const bytes = await bytesOf(body);
      if (options.ifAbsent === true && right.objects.has(key)) return right.put(key, bytes, options);
      await pause(0);
      return right.put(key, bytes, { ...options, ifAbsent: false });
    },
  })),
  wrong("ignoresTheCondition", "if-absent.keeps-old", (right) => ({
    put: (key, body, options) => right.put(key, body, { ...options, ifAbsent: false }),
  })),
  wrong("saysConflictTooLate", "if-absent.keeps-old", (right) => ({
    put: async (key, body, options = {}) => {
      if (options.ifAbsent !== true || !right.objects.has(key)) return right.put(key, body, options);
      await right.put(key, body);
      throw new ReplicaError({ code: "Conflict", operation: "put", key, reason: "it was there" });
    },
  })),
  wrong("neverForgetsAKey", "if-absent.free", (right) => {
    const seen = new Set<string>();
    return {
      put: async (key, body, options = {}) => {
        if (options.ifAbsent === true && seen.has(key))
          throw new ReplicaError({ code: "Conflict", operation: "put", key, reason: "seen" });
        seen.add(key);
        return right.put(key, body, options);
      },
    };
  }),
  wrong(
    "ignoresWhatItCannotDo",
    "if-absent.unsupported",
    (right) => ({
      put: (key, body) => right.put(key, body),
    }),
    { putIfAbsent: false },
  ),
];

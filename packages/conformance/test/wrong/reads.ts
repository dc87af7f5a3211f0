// Wrong at gets and listings.
import { compareKeys, type ObjectInfo, ReplicaError } from "@litewake/core/backend";
import { mapped, wrong, type WrongSubject } from "./wrong-client.ts";

async function all(stream: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of stream) objects.push(object);
  return objects;
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf("/") + 1);

export const wrongGets: readonly WrongSubject[] = [
  wrong("ignoresTheOffset", "get.offset", (right) => ({
    get: (key, options) => right.get(key, { ...options, offset: 0 }),
  })),
  wrong("ignoresTheLength", "get.length", (right) => ({
    get: (key, options) => right.get(key, { ...options, length: undefined }),
  })),
  wrong("takesLengthForTheEnd", "get.length", (right) => ({
    get: (key, options = {}) => {
      const { offset = 0, length } = options;
      return right.get(key, length === undefined ? options : { ...options, length: Math.max(0, length - offset) });
    },
  })),
  wrong("failsPastTheEnd", "get.past-end", (right) => ({
    get: async (key, options = {}) => {
      const size = right.objects.get(key)?.bytes.byteLength ?? 0;
      if ((options.offset ?? 0) < size || size === 0) return right.get(key, options);
      throw new ReplicaError({ code: "Unknown", operation: "get", key, reason: "416 range not satisfiable" });
    },
  })),
  wrong("takesZeroForAll", "get.length-zero", (right) => ({
    get: (key, options = {}) =>
      right.get(key, { ...options, length: options.length === 0 ? undefined : options.length }),
  })),
  wrong("findsOutTooLate", "get.not-found", (right) => ({
    get: async (key, options) =>
      (async function* () {
        yield* await right.get(key, options);
      })(),
  })),
  wrong("throwsPlainErrors", "get.not-found", (right) => ({
    get: (key, options) =>
      right.get(key, options).catch(() => {
        throw new Error("ENOENT");
      }),
  })),
  wrong("reusesItsBuffer", "get.chunks-stay", (right) => ({
    get: async (key, options) => {
      const buffer = new Uint8Array(65_536);
      return mapped(await right.get(key, options), (chunk) => {
        buffer.set(chunk);
        return buffer.subarray(0, chunk.byteLength);
      });
    },
  })),
  wrong("readsAcrossVersions", "get.one-version", (right) => ({
    get: async (key, options = {}) => {
      await right.get(key, options);
      const { offset = 0, length = Infinity, signal } = options;
      return (async function* () {
        for (let at = offset; at < offset + length; at += 65_536) {
          const part: Uint8Array[] = [];
          const wanted = { offset: at, length: Math.min(65_536, offset + length - at), signal };
          for await (const chunk of await right.get(key, wanted)) part.push(chunk);
          if (part.length === 0) return;
          yield* part;
        }
      })();
    },
  })),
];

export const wrongLists: readonly WrongSubject[] = [
  wrong("listsUnsorted", "list.order", (right) => ({
    async *list(prefix, options) {
      yield* (await all(right.list(prefix, options))).toReversed();
    },
  })),
  wrong("listsFilesBeforeFolders", "list.order", (right) => ({
    async *list(prefix, options) {
      const depth = (key: string): number => key.split("/").length;
      yield* (await all(right.list(prefix, options))).toSorted(
        (a, b) => depth(a.key) - depth(b.key) || compareKeys(a.key, b.key),
      );
    },
  })),
  wrong("listsInUtf16Order", "list.order-utf8", (right) => ({
    async *list(prefix, options) {
      yield* (await all(right.list(prefix, options))).toSorted((a, b) => (a.key < b.key ? -1 : 1));
    },
  })),
  wrong("listsTheFirstPage", "list.pages", (right) => ({
    async *list(prefix, options) {
      yield* (await all(right.list(prefix, options))).slice(0, 1000);
    },
  })),
  wrong("repeatsTheKeyBetweenPages", "list.pages", (right) => ({
    async *list(prefix, options) {
      const objects = await all(right.list(prefix, options));
      yield* objects.slice(0, 1000);
      yield* objects.slice(999).slice(objects.length > 1000 ? 0 : 1);
    },
  })),
  wrong("listsFoldersOnly", "list.prefix-is-text", (right) => ({
    async *list(prefix, options) {
      const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
      yield* right.list(folder, options);
    },
  })),
  wrong("listsTheWholeFolder", "list.prefix-is-text", (right) => ({
    list: (prefix, options) => right.list(folderOf(prefix), options),
  })),
  wrong("failsOnAnEmptyListing", "list.nothing", (right) => ({
    async *list(prefix, options) {
      const objects = await all(right.list(prefix, options));
      if (objects.length === 0)
        throw new ReplicaError({ code: "NotFound", operation: "list", key: prefix, reason: "no such folder" });
      yield* objects;
    },
  })),
  wrong("normalisesPrefixes", "list.nothing", (right) => ({
    list: (prefix, options) =>
      right.list(
        prefix
          .replace(/^\.\.\//, "")
          .replaceAll(/\/+/g, "/")
          .replace(/^\//, ""),
        options,
      ),
  })),
  wrong("listsNoSizes", "list.sizes", (right) => ({
    async *list(prefix, options) {
      for await (const object of right.list(prefix, options)) yield { ...object, size: 0 };
    },
  })),
  wrong("listsTheDeleted", "list.after-delete", (right) => {
    const dead: ObjectInfo[] = [];
    return {
      delete: async (keys, options) => {
        for (const key of keys) dead.push(...(await all(right.list(key))));
        await right.delete(keys, options);
      },
      async *list(prefix, options) {
        const objects = await all(right.list(prefix, options));
        yield* [...objects, ...dead.filter(({ key }) => key.startsWith(prefix))].toSorted((a, b) =>
          compareKeys(a.key, b.key),
        );
      },
    };
  }),
  wrong("keepsTwoListsInOne", "parallel.lists", (right) => {
    let last: ObjectInfo[] = [];
    return {
      async *list(prefix, options) {
        last = [];
        for await (const object of right.list(prefix, options)) {
          last.push(object);
          await new Promise((resolve) => setImmediate(resolve));
        }
        yield* last;
      },
    };
  }),
];

// The five verbs of a ReplicaClient on WebDAV.
import { randomUUID } from "node:crypto";
import {
  bodyChunks,
  canBegin,
  checkKey,
  compareKeys,
  readableBytes,
  ReplicaError,
  throwIfAborted,
  withOwnSignal,
} from "@litewake/core/backend";
import { Dav, davError, DavFailure } from "./dav.js";

const temporary = /^\.litewake-[0-9a-f-]{36}\.tmp$/;
const DELETES_AT_ONCE = 8;

/** @implements {import("@litewake/core/backend").ReplicaClient} */
export class WebdavClient {
  type = "webdav";
  // MOVE with `Overwrite: F` is a look and a move on many servers, and rivals may both win: so it is not declared.
  capabilities = { putIfAbsent: false };
  #dav;
  #root;
  #where;
  /** Folders that are known to be there, or are being made: each is asked for once. @type {Map<string, Promise<void>>} */
  #folders = new Map();

  /** @param {import("./options.js").WebdavOptions} options */
  constructor(options) {
    this.#dav = new Dav(options);
    this.#root = options.root;
    this.#where = new URL(options.origin).host;
    this.url = `webdav${options.origin.startsWith("https:") ? "s" : ""}://${this.#where}/${options.root}`;
  }

  async *list(prefix, { signal } = {}) {
    throwIfAborted(signal, "list", prefix);
    if (!canBegin(prefix)) return;
    yield* this.#walk(prefix.slice(0, prefix.lastIndexOf("/") + 1), prefix, signal);
  }

  /** One folder after the other, in the order of keys: a folder sorts by its name with a slash. */
  async *#walk(folder, prefix, signal) {
    const place = this.#pathOf(folder).replace(/\/$/, "");
    const found = await this.#call("list", prefix, signal, async (own) => {
      try {
        return await this.#dav.properties(place, 1, own);
      } catch (error) {
        if (error instanceof DavFailure && error.status === 404) return [];
        throw error;
      }
    });
    const entries = found
      .filter(({ path }) => path !== place)
      .map(({ path, isFolder, ...rest }) => ({
        name: path.slice(path.lastIndexOf("/") + 1) + (isFolder ? "/" : ""),
        ...rest,
      }))
      .filter(({ name }) => !temporary.test(name))
      .sort((a, b) => compareKeys(a.name, b.name));
    for (const { name, size, modifiedAt } of entries) {
      throwIfAborted(signal, "list", prefix);
      const key = folder + name;
      if (!key.startsWith(prefix)) continue;
      if (name.endsWith("/")) yield* this.#walk(key, prefix, signal);
      else yield { key, size, modifiedAt };
    }
  }

  async get(key, { offset = 0, length = Infinity, signal } = {}) {
    checkKey(key, "get");
    return this.#call("get", key, signal, async (own) => {
      const { size } = await this.#object(key, own);
      const end = Math.min(size, offset + length);
      if (offset >= end) return nothing();
      const headers = end - offset === size ? {} : { range: `bytes=${offset}-${end - 1}` };
      const answer = await this.#dav.request("GET", this.#pathOf(key), { headers, signal: own });
      // Ends at once on abort, notices a connection that was cut, and lets go of it however the reader leaves.
      return readableBytes(answer, {
        key,
        signal,
        expectedBytes: end - offset,
        toError: (error) => davError(error, "get", key, this.#where),
      });
    });
  }

  async put(key, body, { ifAbsent = false, signal } = {}) {
    checkKey(key, "put");
    if (ifAbsent)
      throw new ReplicaError({
        code: "Unsupported",
        operation: "put",
        key,
        reason: "WebDAV has no conditional put that is safe",
      });
    const target = this.#pathOf(key);
    const folder = target.slice(0, target.lastIndexOf("/"));
    const half = `${folder}/.litewake-${randomUUID()}.tmp`;
    return this.#call("put", key, signal, async (own) => {
      await this.#folder(folder);
      try {
        // Whole or not at all: under a name that no listing shows, until it is complete.
        await this.#dav.done("PUT", half, {
          body: body instanceof Uint8Array ? body : bodyChunks(body, key, own),
          signal: own,
        });
        throwIfAborted(own, "put", key);
        await this.#dav.done("MOVE", half, {
          headers: { destination: this.#dav.address(target), overwrite: "T" },
          signal: own,
        });
      } catch (error) {
        // Somebody may have removed the folder.
        if (error instanceof DavFailure) this.#folders.clear();
        await this.#dav.done("DELETE", half, { signal: AbortSignal.timeout(5000) }).catch(() => {});
        throw error;
      }
      const { size, modifiedAt } = await this.#object(key, own);
      return { size, modifiedAt };
    });
  }

  async delete(keys, { signal } = {}) {
    for (const key of keys) checkKey(key, "delete");
    throwIfAborted(signal, "delete");
    const queue = new Set(keys).values();
    const worker = async () => {
      for (const key of queue) await this.#deleteOne(key, signal);
    };
    const workers = await Promise.allSettled(Array.from({ length: DELETES_AT_ONCE }, worker));
    for (const done of workers) if (done.status === "rejected") throw done.reason;
  }

  async close() {
    this.#dav.close();
  }

  async #deleteOne(key, signal) {
    try {
      await this.#call("delete", key, signal, async (own) => {
        // DELETE of a folder takes all that is in it.
        await this.#object(key, own);
        await this.#dav.done("DELETE", this.#pathOf(key), { signal: own });
      });
    } catch (error) {
      if (!ReplicaError.is(error, "NotFound")) throw error;
    }
  }

  /** The object's properties; a folder is no object, and nothing lies below one. */
  async #object(key, signal) {
    const [found] = await this.#dav.properties(this.#pathOf(key), 0, signal).catch((error) => {
      throw error instanceof DavFailure && error.status === 405 ? new DavFailure(404) : error;
    });
    if (found === undefined || found.isFolder) throw new DavFailure(404);
    return found;
  }

  /** Makes a folder and what it lies in. */
  #folder(folder) {
    if (folder === "") return Promise.resolve();
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    // Not with one call's signal: other calls wait for it too.
    const made = this.#makeFolder(folder);
    this.#folders.set(folder, made);
    made.catch(() => this.#folders.delete(folder));
    return made;
  }

  async #makeFolder(folder) {
    await this.#folder(folder.slice(0, Math.max(0, folder.lastIndexOf("/"))));
    try {
      await this.#dav.done("MKCOL", folder, {});
    } catch (error) {
      // 405: it is there.
      if (!(error instanceof DavFailure) || error.status !== 405) throw error;
    }
  }

  #pathOf(key) {
    return this.#root === "" ? key : `${this.#root}/${key}`;
  }

  #call(operation, key, signal, work) {
    return withOwnSignal({ operation, key, signal }, work, (error) => davError(error, operation, key, this.#where));
  }
}

async function* nothing() {}

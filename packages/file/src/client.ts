// A replica in a folder: the five verbs on a file system, local or mounted.
import { type FileHandle, link, open, rename, stat, unlink } from "node:fs/promises";
import path from "node:path";
import {
  abortedError,
  bodyChunks,
  type ByteStream,
  type CallOptions,
  type Capabilities,
  checkKey,
  eachInParallel,
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
import { errnoOf, fileError, meansAbsent } from "./errors.ts";
import { Folders } from "./folders.ts";
import { walk } from "./listing.ts";
import type { FileOptions } from "./options.ts";
import { publishIfAbsent, refuseExisting } from "./publish.ts";
import { readRange } from "./reading.ts";
import { isTemporary, temporaryFor } from "./temporary.ts";
import { writeBody } from "./writing.ts";

/** A put makes its folder again so often when others keep pruning it. */
const FOLDER_TRIES = 100;
const DELETES_AT_ONCE = 16;

export interface FileClientOptions extends FileOptions {
  /** `link(2)`; tests put another one in its place, to stand for file systems without hard links. */
  readonly link?: typeof link;
}

export class FileClient implements ReplicaClient {
  readonly type = "file";
  readonly url: string;
  readonly capabilities: Capabilities = { putIfAbsent: true };
  readonly #root: string;
  readonly #folders: Folders;
  readonly #link: typeof link;
  readonly #reading = new Set<FileHandle>();

  constructor(options: FileClientOptions) {
    this.#root = path.resolve(options.root);
    this.#folders = new Folders(this.#root);
    this.#link = options.link ?? link;
    this.url = `file://${this.#root}`;
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    throwIfAborted(signal, "list", prefix);
    try {
      yield* walk(this.#root, prefix, signal);
    } catch (error) {
      throw fileError(error, "list", prefix);
    }
  }

  async get(key: string, { offset = 0, length = Infinity, signal }: GetOptions = {}): Promise<ByteStream> {
    const file = this.#pathOf(key, "get");
    throwIfAborted(signal, "get", key);
    let handle: FileHandle | undefined;
    try {
      handle = await open(file, "r");
      const found = await handle.stat();
      if (!found.isFile())
        throw new ReplicaError({ code: "NotFound", operation: "get", key, reason: "no such object" });
      throwIfAborted(signal, "get", key);
      const held = handle;
      this.#reading.add(held);
      const range = { start: offset, end: Math.min(found.size, offset + length) };
      return readRange(held, key, range, signal, () => this.#reading.delete(held));
    } catch (error) {
      await handle?.close();
      throw fileError(error, "get", key);
    }
  }

  async put(key: string, body: PutBody, { ifAbsent = false, signal }: PutOptions = {}): Promise<PutResult> {
    const target = this.#pathOf(key, "put");
    throwIfAborted(signal, "put", key);
    const folder = path.dirname(target);
    const temporary = temporaryFor(target);
    try {
      // Bytes in memory are cheaper to write than to look first.
      if (ifAbsent && !(body instanceof Uint8Array)) await refuseExisting(target, key);
      const handle = await this.#create(temporary, folder);
      try {
        const result = await writeBody(handle, bodyChunks(body, key, signal));
        throwIfAborted(signal, "put", key);
        if (ifAbsent) await publishIfAbsent(temporary, target, key, this.#link, signal);
        else await rename(temporary, target);
        await this.#folders.sync(folder);
        this.#folders.clean(folder, result.modifiedAt.getTime());
        return result;
      } catch (error) {
        await unlink(temporary).catch(() => {});
        await this.#folders.prune(folder);
        throw error;
      }
    } catch (error) {
      if (signal?.aborted === true && !ReplicaError.is(error)) throw abortedError("put", key, error);
      // It is there, perhaps by a put of the caller's whose last step failed: it counts only when it is there to stay.
      if (ReplicaError.is(error, "Conflict")) await this.#keep(folder, key);
      throw fileError(error, "put", key);
    }
  }

  async #keep(folder: string, key: string): Promise<void> {
    try {
      await this.#folders.sync(folder);
    } catch (error) {
      throw fileError(error, "put", key);
    }
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    const files = new Map(keys.map((key) => [this.#pathOf(key, "delete"), key]));
    const folders = new Set<string>();
    try {
      await eachInParallel(files, DELETES_AT_ONCE, async ([file, key]) => {
        throwIfAborted(signal, "delete", key);
        try {
          if (await remove(file)) folders.add(path.dirname(file));
        } catch (error) {
          throw fileError(error, "delete", key);
        }
      });
    } finally {
      await this.#settle(folders);
    }
  }

  // Durable, lest a power loss bring back a part of what retention removed in a certain order.
  async #settle(folders: ReadonlySet<string>): Promise<void> {
    try {
      await Promise.all([...folders].map((folder) => this.#folders.sync(folder)));
    } catch (error) {
      throw fileError(error, "delete");
    }
    for (const folder of folders) await this.#folders.prune(folder);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#reading].map((handle) => handle.close()));
    this.#reading.clear();
    await this.#folders.settled();
  }

  // Deleting the last object of a folder removes the folder, at any moment between its making and the opening in it.
  async #create(temporary: string, folder: string): Promise<FileHandle> {
    for (let tries = 1; ; tries += 1) {
      try {
        // Making it fails too where those above it are removed just then.
        await this.#folders.ensure(folder);
        return await open(temporary, "wx", 0o600);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT" || tries === FOLDER_TRIES) throw error;
        this.#folders.forget(folder);
      }
    }
  }

  #pathOf(key: string, operation: ReplicaOperation): string {
    checkKey(key, operation);
    const parts = key.split("/");
    if (parts.some(isTemporary) || (path.sep === "\\" && /[\\:]/.test(key))) {
      const reason = "the name means something else to this backend or to the file system";
      throw new ReplicaError({ code: "InvalidConfig", operation, key, reason });
    }
    return path.join(this.#root, ...parts);
  }
}

/** Whether the object was there. A folder is no object. */
async function remove(file: string): Promise<boolean> {
  try {
    await unlink(file);
    return true;
  } catch (error) {
    if (meansAbsent(error)) return false;
    // macOS answers EPERM where Linux answers EISDIR.
    if (errnoOf(error) === "EPERM" && (await stat(file)).isDirectory()) return false;
    throw error;
  }
}

// A replica in a folder on an SFTP server: the five verbs.
import path from "node:path";
import {
  bodyChunks,
  type ByteStream,
  type CallOptions,
  canBegin,
  type Capabilities,
  checkKey,
  type GetOptions,
  type ObjectInfo,
  type PutBody,
  type PutOptions,
  type PutResult,
  type ReplicaClient,
  ReplicaError,
  type ReplicaOperation,
  throwIfAborted,
  withOwnSignal,
} from "@litewake/core/backend";
import { STATUS, statusOf } from "./errors.ts";
import { walk } from "./listing.ts";
import type { SftpOptions } from "./options.ts";
import { readRange } from "./reading.ts";
import { type Channel, Session } from "./session.ts";
import { isTemporary, temporaryName } from "./temporary.ts";
import { writeBody } from "./writing.ts";

/** A put makes its folder again so often when others keep pruning it. */
const FOLDER_TRIES = 100;
const DELETES_AT_ONCE = 32;
/** A temporary file that got no byte for so long, by the server's clock: whoever wrote it is gone. */
const STALE_MS = 3_600_000;

export class SftpClient implements ReplicaClient {
  readonly type = "sftp";
  readonly url: string;
  readonly capabilities: Capabilities = { putIfAbsent: true };
  readonly #root: string;
  readonly #session: Session;
  /** Folders that were looked through for what dead writers left. */
  readonly #cleaned = new Set<string>();

  constructor(options: SftpOptions) {
    this.#root = options.root;
    this.#session = new Session(options);
    const host = options.host.includes(":") ? `[${options.host}]` : options.host;
    this.url = `sftp://${options.user}@${host}${options.port === 22 ? "" : `:${options.port}`}${options.root.startsWith("/") ? "" : "/"}${options.root}`;
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    throwIfAborted(signal, "list", prefix);
    if (!canBegin(prefix)) return;
    try {
      yield* walk(await this.#session.channel(signal), this.#root, prefix, signal);
    } catch (error) {
      throw this.#session.error(error, "list", prefix);
    }
  }

  async get(key: string, { offset = 0, length = Infinity, signal }: GetOptions = {}): Promise<ByteStream> {
    const file = this.#pathOf(key, "get");
    const toError = (error: unknown): ReplicaError => this.#session.error(error, "get", key);
    return this.#call("get", key, signal, async (own) => {
      const channel = await this.#session.channel(own);
      const handle = await channel.open(file, "r");
      try {
        const found = await channel.fstat(handle);
        if (!found.isFile()) throw new ReplicaError({ code: "NotFound", operation: "get", key, reason: "no such object" });
        throwIfAborted(signal, "get", key);
        const range = { start: offset, end: Math.min(found.size, offset + length) };
        return readRange(channel, handle, range, { key, signal }, toError);
      } catch (error) {
        void channel.closeHandle(handle).catch(() => {});
        throw error;
      }
    });
  }

  async put(key: string, body: PutBody, { ifAbsent = false, signal }: PutOptions = {}): Promise<PutResult> {
    const target = this.#pathOf(key, "put");
    return this.#call("put", key, signal, async (own) => {
      const channel = await this.#session.channel(own);
      // A stream is read once: what is there already is better known before.
      if (ifAbsent && !(body instanceof Uint8Array) && (await exists(channel, target))) throw this.#conflict(key);
      const temporary = path.posix.join(path.posix.dirname(target), temporaryName());
      const handle = await this.#create(channel, temporary);
      try {
        const result = await this.#write(channel, handle, bodyChunks(body, key, own));
        throwIfAborted(own, "put", key);
        await this.#publish(channel, temporary, target, { key, ifAbsent });
        this.#clean(channel, path.posix.dirname(target), result.modifiedAt.getTime());
        return result;
      } catch (error) {
        await channel.unlink(temporary).catch(() => {});
        await this.#prune(channel, path.posix.dirname(target));
        throw await this.#explained(channel, error);
      }
    });
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    const queue = new Map(keys.map((key) => [this.#pathOf(key, "delete"), key])).entries();
    throwIfAborted(signal, "delete");
    const folders = new Set<string>();
    const worker = async (): Promise<void> => {
      for (const [file, key] of queue) {
        await this.#call("delete", key, signal, async (own) => {
          if (await remove(await this.#session.channel(own), file)) folders.add(path.posix.dirname(file));
        });
      }
    };
    const workers = await Promise.allSettled(Array.from({ length: Math.min(DELETES_AT_ONCE, keys.length) }, worker));
    if (folders.size > 0) {
      await this.#call("delete", undefined, signal, async (own) => {
        const channel = await this.#session.channel(own);
        for (const folder of folders) await this.#prune(channel, folder);
      });
    }
    for (const done of workers) if (done.status === "rejected") throw done.reason;
  }

  async close(): Promise<void> {
    this.#session.close();
  }

  // Deleting the last object of a folder removes the folder, at any moment between its making and the opening in it.
  async #create(channel: Channel, temporary: string): Promise<Buffer> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await channel.open(temporary, "wx");
      } catch (error) {
        if (statusOf(error) !== STATUS.NO_SUCH_FILE || tries === FOLDER_TRIES) throw error;
      }
      await makeFolder(channel, path.posix.dirname(temporary));
    }
  }

  async #write(channel: Channel, handle: Buffer, chunks: AsyncIterable<Uint8Array>): Promise<PutResult> {
    try {
      const size = await writeBody(channel, handle, chunks);
      await channel.fsync(handle).catch(ignoreUnsupported);
      const { mtime, size: stored } = await channel.fstat(handle);
      if (stored !== size) throw new Error(`the connection was cut: the server has ${stored} bytes of ${size}`);
      return { size, modifiedAt: new Date(mtime * 1000) };
    } finally {
      await channel.closeHandle(handle).catch(() => {});
    }
  }

  async #publish(channel: Channel, temporary: string, target: string, { key, ifAbsent }: { key: string; ifAbsent: boolean }): Promise<void> {
    if (!ifAbsent) return replace(channel, temporary, target);
    try {
      await channel.rename(temporary, target);
    } catch (error) {
      // The protocol has no word for "is there already".
      if (statusOf(error) === STATUS.FAILURE && (await exists(channel, target))) throw this.#conflict(key);
      throw error;
    }
  }

  /** Once for each folder, beside other work. Failures are left to the next process. */
  #clean(channel: Channel, folder: string, nowMs: number): void {
    if (this.#cleaned.has(folder)) return;
    this.#cleaned.add(folder);
    void removeStale(channel, folder, nowMs).catch(() => {});
  }

  /** Removes folders that are empty, up to the root. */
  async #prune(channel: Channel, from: string): Promise<void> {
    for (let folder = from; folder.length > this.#root.length; folder = path.posix.dirname(folder)) {
      try {
        await channel.rmdir(folder);
      } catch (error) {
        if (statusOf(error) !== STATUS.NO_SUCH_FILE) return;
      }
    }
  }

  /** A write that failed for no reason given: the disk may be full. */
  async #explained(channel: Channel, error: unknown): Promise<unknown> {
    if (statusOf(error) !== STATUS.FAILURE || (await channel.freeBlocks(this.#root)) !== 0) return error;
    return new ReplicaError({ code: "NoSpace", operation: "put", reason: `${this.#session.where}: no space is left on the server`, cause: error });
  }

  #conflict(key: string): ReplicaError {
    return new ReplicaError({ code: "Conflict", operation: "put", key, reason: "the object is there already" });
  }

  #pathOf(key: string, operation: ReplicaOperation): string {
    checkKey(key, operation);
    if (key.split("/").some(isTemporary)) {
      throw new ReplicaError({ code: "InvalidConfig", operation, key, reason: "the name means something else to this backend" });
    }
    return `${this.#root}/${key}`;
  }

  #call<T>(operation: ReplicaOperation, key: string | undefined, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withOwnSignal({ operation, key, signal }, work, (error) => this.#session.error(error, operation, key));
  }
}

async function replace(channel: Channel, temporary: string, target: string): Promise<void> {
  try {
    await channel.posixRename(temporary, target);
  } catch (error) {
    if (statusOf(error) !== STATUS.OP_UNSUPPORTED) throw error;
    // A server without the extension refuses a target that is there: for a moment neither is.
    await channel.unlink(target).catch(ignoreAbsent);
    await channel.rename(temporary, target);
  }
}

async function exists(channel: Channel, file: string): Promise<boolean> {
  try {
    await channel.stat(file);
    return true;
  } catch (error) {
    ignoreAbsent(error);
    return false;
  }
}

async function makeFolder(channel: Channel, folder: string): Promise<void> {
  try {
    await channel.mkdir(folder);
  } catch (error) {
    if (statusOf(error) === STATUS.NO_SUCH_FILE && folder !== "/" && folder !== ".") {
      await makeFolder(channel, path.posix.dirname(folder));
      await channel.mkdir(folder).catch(ignoreThere);
    } else ignoreThere(error);
  }
}

/** Whether the object was there. A folder is no object. */
async function remove(channel: Channel, file: string): Promise<boolean> {
  try {
    await channel.unlink(file);
    return true;
  } catch (error) {
    if (statusOf(error) === STATUS.NO_SUCH_FILE) return false;
    const found = await channel.stat(file).catch(() => undefined);
    if (found?.isDirectory() === true || found === undefined) return false;
    throw error;
  }
}

function ignoreAbsent(error: unknown): void {
  if (statusOf(error) !== STATUS.NO_SUCH_FILE) throw error;
}

// Somebody else made it meanwhile, or removed what it lies in: the caller's own next step shows.
function ignoreThere(error: unknown): void {
  const status = statusOf(error);
  if (status !== STATUS.FAILURE && status !== STATUS.NO_SUCH_FILE) throw error;
}

function ignoreUnsupported(error: unknown): void {
  if (statusOf(error) !== STATUS.OP_UNSUPPORTED) throw error;
}

async function removeStale(channel: Channel, folder: string, nowMs: number): Promise<void> {
  for (const { filename, attrs } of await channel.readdir(folder)) {
    if (isTemporary(filename) && attrs.mtime * 1000 < nowMs - STALE_MS) await channel.unlink(`${folder}/${filename}`);
  }
}

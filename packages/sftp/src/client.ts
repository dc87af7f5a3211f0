// A replica in a folder on an SFTP server: the five verbs.
import path from "node:path";
import {
  bodyChunks,
  type ByteStream,
  type CallOptions,
  canBegin,
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
  type Share,
  throwIfAborted,
  withOwnSignal,
} from "@litewake/core/backend";
import { STATUS, statusOf } from "./errors.ts";
import { exists, ignoreUnsupported, makeFolder, prune, remove, removeStale, replace } from "./files.ts";
import { walk } from "./listing.ts";
import type { SftpOptions } from "./options.ts";
import { readRange } from "./reading.ts";
import { type Channel, type Session, sessionOf } from "./session.ts";
import { isTemporary, temporaryName } from "./temporary.ts";
import { writeBody } from "./writing.ts";

/** A put makes its folder again so often when others keep pruning it. */
const FOLDER_TRIES = 100;
const DELETES_AT_ONCE = 32;

export class SftpClient implements ReplicaClient {
  readonly type = "sftp";
  readonly url: string;
  readonly capabilities: Capabilities = { putIfAbsent: true };
  readonly #root: string;
  readonly #share: Share<Session>;
  /** Folders that were looked through for what dead writers left. */
  readonly #cleaned = new Set<string>();

  constructor(options: SftpOptions) {
    this.#root = options.root;
    this.#share = sessionOf(options);
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
        if (!found.isFile())
          throw new ReplicaError({ code: "NotFound", operation: "get", key, reason: "no such object" });
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
        await prune(channel, path.posix.dirname(target), this.#root);
        throw await this.#explained(channel, error);
      }
    });
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    const files = new Map(keys.map((key) => [this.#pathOf(key, "delete"), key]));
    throwIfAborted(signal, "delete");
    const folders = new Set<string>();
    try {
      await eachInParallel(files, DELETES_AT_ONCE, ([file, key]) =>
        this.#call("delete", key, signal, async (own) => {
          if (await remove(await this.#session.channel(own), file)) folders.add(path.posix.dirname(file));
        }),
      );
    } finally {
      if (folders.size > 0) {
        await this.#call("delete", undefined, signal, async (own) => {
          const channel = await this.#session.channel(own);
          for (const folder of folders) await prune(channel, folder, this.#root);
        });
      }
    }
  }

  async close(): Promise<void> {
    this.#share.release();
  }

  get #session(): Session {
    return this.#share.connection;
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

  async #publish(
    channel: Channel,
    temporary: string,
    target: string,
    { key, ifAbsent }: { key: string; ifAbsent: boolean },
  ): Promise<void> {
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

  /** A write that failed for no reason given: the disk may be full. */
  async #explained(channel: Channel, error: unknown): Promise<unknown> {
    if (statusOf(error) !== STATUS.FAILURE || (await channel.freeBlocks(this.#root)) !== 0) return error;
    return new ReplicaError({
      code: "NoSpace",
      operation: "put",
      reason: `${this.#session.where}: no space is left on the server`,
      cause: error,
    });
  }

  #conflict(key: string): ReplicaError {
    return new ReplicaError({ code: "Conflict", operation: "put", key, reason: "the object is there already" });
  }

  #pathOf(key: string, operation: ReplicaOperation): string {
    checkKey(key, operation);
    if (key.split("/").some(isTemporary)) {
      throw new ReplicaError({
        code: "InvalidConfig",
        operation,
        key,
        reason: "the name means something else to this backend",
      });
    }
    return `${this.#root}/${key}`;
  }

  #call<T>(
    operation: ReplicaOperation,
    key: string | undefined,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withOwnSignal({ operation, key, signal }, work, (error) => this.#session.error(error, operation, key));
  }
}

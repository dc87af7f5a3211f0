// A replica in a bucket of Google Cloud Storage: the five verbs on its JSON API.
import {
  type ByteStream,
  type CallOptions,
  canBegin,
  type Capabilities,
  checkKey,
  eachInParallel,
  type GetOptions,
  noBytes,
  type ObjectInfo,
  type PutBody,
  type PutOptions,
  type PutResult,
  rangeHeader,
  readableBytes,
  type ReplicaClient,
  ReplicaError,
  type ReplicaOperation,
  type Share,
  throwIfAborted,
  withOwnSignal,
} from "@litewake/core/backend";
import { connect, type Connection, discard } from "./connection.ts";
import { gcsError, isPastEnd } from "./errors.ts";
import type { GcsOptions } from "./options.ts";
import { upload } from "./upload.ts";

/** The API has no bulk delete but batches of such requests. */
const DELETES_AT_ONCE = 32;

interface Listed {
  readonly name: string;
  readonly size: string;
  readonly timeCreated: string;
}

export class GcsClient implements ReplicaClient {
  readonly type = "gcs";
  readonly url: string;
  readonly capabilities: Capabilities = { putIfAbsent: true };
  readonly #options: GcsOptions;
  readonly #share: Share<Connection>;
  readonly #root: string;
  readonly #where: string;

  constructor(options: GcsOptions) {
    this.#options = options;
    this.#share = connect(options);
    this.#root = options.prefix === "" ? "" : `${options.prefix}/`;
    this.#where = options.endpoint === undefined ? options.bucket : `${options.bucket} at ${this.#connection.host}`;
    this.url = `gcs://${options.bucket}${options.prefix === "" ? "" : `/${options.prefix}`}`;
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    throwIfAborted(signal, "list", prefix);
    if (!canBegin(prefix)) return;
    const fields = "items(name,size,timeCreated),nextPageToken";
    let pageToken: string | undefined;
    do {
      const query = { prefix: this.#root + prefix, fields, ...(pageToken === undefined ? {} : { pageToken }) };
      const url = this.#objects("", query);
      const page = await this.#call("list", prefix, signal, (own) =>
        this.#connection.json({ method: "GET", url, signal: own }),
      );
      for (const { name, size, timeCreated } of (page["items"] ?? []) as readonly Listed[]) {
        throwIfAborted(signal, "list", prefix);
        const key = name.slice(this.#root.length);
        // A console's "folder" is an object whose name ends with a slash; no client of ours can put such a key.
        if (key === "" || key.endsWith("/")) continue;
        yield { key, size: Number(size), modifiedAt: new Date(timeCreated) };
      }
      pageToken =
        typeof page["nextPageToken"] === "string" && page["nextPageToken"] !== "" ? page["nextPageToken"] : undefined;
    } while (pageToken !== undefined);
  }

  async get(key: string, { offset = 0, length, signal }: GetOptions = {}): Promise<ByteStream> {
    checkKey(key, "get");
    if (length !== undefined && length <= 0) {
      const url = this.#objects(key, { fields: "name" });
      await this.#call("get", key, signal, (own) => this.#connection.json({ method: "GET", url, signal: own }));
      return noBytes();
    }
    const range = rangeHeader(offset, length);
    const headers = range === undefined ? {} : { range };
    const url = this.#objects(key, { alt: "media" });
    const answer = await this.#call("get", key, signal, async (own) => {
      try {
        return await this.#connection.send({ method: "GET", url, headers, signal: own });
      } catch (error) {
        if (isPastEnd(error)) return undefined;
        throw error;
      }
    });
    if (answer === undefined) return noBytes();
    const expected = Number(answer.headers["content-length"] ?? Number.NaN);
    return readableBytes(answer.body, {
      key,
      signal,
      expectedBytes: Number.isNaN(expected) ? undefined : expected,
      toError: (error) => gcsError(error, { operation: "get", key, where: this.#where }),
    });
  }

  async put(key: string, body: PutBody, { ifAbsent = false, signal }: PutOptions = {}): Promise<PutResult> {
    checkKey(key, "put");
    return this.#call("put", key, signal, (own) => {
      const job = {
        connection: this.#connection,
        options: this.#options,
        name: this.#root + key,
        ifAbsent,
        signal: own,
      };
      return upload(job, { body, key, signal: own });
    });
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key, "delete");
    throwIfAborted(signal, "delete");
    await eachInParallel(new Set(keys), DELETES_AT_ONCE, (key) => this.#deleteOne(key, signal));
  }

  async close(): Promise<void> {
    this.#share.release();
  }

  get #connection(): Connection {
    return this.#share.connection;
  }

  async #deleteOne(key: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#call("delete", key, signal, async (own) => {
        const { body } = await this.#connection.send({ method: "DELETE", url: this.#objects(key, {}), signal: own });
        discard(body);
      });
    } catch (error) {
      if (!ReplicaError.is(error, "NotFound")) throw error;
    }
  }

  #objects(key: string, query: Readonly<Record<string, string>>): string {
    const { bucket, userProject } = this.#options;
    const all = new URLSearchParams({ ...query, ...(userProject === undefined ? {} : { userProject }) });
    const object = key === "" ? "" : `/${encodeURIComponent(this.#root + key)}`;
    return `/storage/v1/b/${encodeURIComponent(bucket)}/o${object}?${all.toString()}`;
  }

  #call<T>(
    operation: ReplicaOperation,
    key: string | undefined,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withOwnSignal({ operation, key, signal }, work, (error) =>
      gcsError(error, { operation, key, where: this.#where }),
    );
  }
}

// A replica in a bucket: the five verbs on the AWS SDK.
import type { Readable } from "node:stream";
import { DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import {
  type ByteStream,
  type CallOptions,
  canBegin,
  type Capabilities,
  checkKey,
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
import { type Connection, connect } from "./connection.ts";
import { isPastEnd, s3Error } from "./errors.ts";
import type { Encryption, S3Options } from "./options.ts";
import { upload } from "./upload.ts";

/** S3's limit of keys in one DeleteObjects. */
const DELETES_IN_A_CALL = 1000;

export class S3ReplicaClient implements ReplicaClient {
  readonly type = "s3";
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #options: S3Options;
  readonly #share: Share<Connection>;
  readonly #root: string;
  readonly #where: string;
  readonly #customerKey: Readonly<Record<string, string>>;

  constructor(options: S3Options) {
    this.#options = options;
    this.#share = connect(options);
    this.#root = options.prefix === "" ? "" : `${options.prefix}/`;
    this.#where =
      options.endpoint === undefined ? options.bucket : `${options.bucket} at ${new URL(options.endpoint).host}`;
    this.#customerKey = customerKeyOf(options.encryption);
    this.url = urlOf(options);
    this.capabilities = { putIfAbsent: options.profile.conditionalPut };
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    throwIfAborted(signal, "list", prefix);
    if (!canBegin(prefix)) return;
    const where = { Bucket: this.#options.bucket, Prefix: this.#root + prefix, EncodingType: "url" as const };
    let token: string | undefined;
    do {
      const next = token === undefined ? {} : { ContinuationToken: token };
      const page = await this.#call("list", prefix, signal, (abortSignal) =>
        this.#connection.s3.send(new ListObjectsV2Command({ ...where, ...next }), { abortSignal }),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        throwIfAborted(signal, "list", prefix);
        const key = decodedKey(Key ?? "", page.EncodingType).slice(this.#root.length);
        // A console's "folder" is an object whose key ends with a slash; no client of ours can put such a key.
        if (key === "" || key.endsWith("/")) continue;
        yield { key, size: Size ?? 0, modifiedAt: LastModified ?? new Date(0) };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async get(key: string, { offset = 0, length, signal }: GetOptions = {}): Promise<ByteStream> {
    checkKey(key, "get");
    const where = { Bucket: this.#options.bucket, Key: this.#root + key, ...this.#customerKey };
    if (length !== undefined && length <= 0) {
      await this.#call("get", key, signal, (abortSignal) =>
        this.#connection.s3.send(new HeadObjectCommand(where), { abortSignal }),
      );
      return noBytes();
    }
    const range = rangeHeader(offset, length);
    const input = { ...where, ...(range === undefined ? {} : { Range: range }) };
    const answer = await this.#call("get", key, signal, async (abortSignal) => {
      const quick = await this.#connection.quick.get(input.Key, range, abortSignal);
      if (quick !== undefined) return { Body: quick.body, ContentLength: quick.bytes };
      throwIfAborted(abortSignal, "get", key);
      try {
        return await this.#connection.s3.send(new GetObjectCommand(input), { abortSignal });
      } catch (error) {
        if (isPastEnd(error)) return undefined;
        throw error;
      }
    });
    if (answer?.Body === undefined) return noBytes();
    return readableBytes(answer.Body as Readable, {
      key,
      signal,
      expectedBytes: answer.ContentLength,
      toError: (error) => this.#error(error, "get", key),
    });
  }

  async put(key: string, body: PutBody, { ifAbsent = false, signal }: PutOptions = {}): Promise<PutResult> {
    checkKey(key, "put");
    const { profile, bucket } = this.#options;
    if (ifAbsent && !profile.conditionalPut) {
      const reason = `${profile.name} is not known to honour a conditional put; conditional-put: true insists`;
      throw new ReplicaError({ code: "Unsupported", operation: "put", key, reason });
    }
    return this.#call("put", key, signal, (callSignal) => {
      const job = {
        s3: this.#connection.s3,
        bucket,
        key: this.#root + key,
        ifAbsent,
        equalParts: profile.equalParts,
        object: this.#objectHeaders(),
        customerKey: this.#customerKey,
        signal: callSignal,
      };
      return upload(job, { body, key, signal: callSignal });
    });
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key, "delete");
    throwIfAborted(signal, "delete");
    for (let at = 0; at < keys.length; at += DELETES_IN_A_CALL) {
      const batch = [...new Set(keys.slice(at, at + DELETES_IN_A_CALL))];
      const Delete = { Quiet: true, Objects: batch.map((key) => ({ Key: this.#root + key })) };
      const answer = await this.#call("delete", keys.length === 1 ? keys[0] : undefined, signal, (abortSignal) =>
        this.#connection.s3.send(new DeleteObjectsCommand({ Bucket: this.#options.bucket, Delete }), { abortSignal }),
      );
      const refused = answer.Errors?.find(({ Code }) => Code !== "NoSuchKey");
      if (refused !== undefined) {
        const error = Object.assign(new Error(refused.Message ?? ""), {
          name: refused.Code ?? "",
          $metadata: answer.$metadata,
        });
        throw this.#error(error, "delete", refused.Key?.slice(this.#root.length));
      }
    }
  }

  async close(): Promise<void> {
    this.#share.release();
  }

  get #connection(): Connection {
    return this.#share.connection;
  }

  #objectHeaders(): Record<string, string> {
    const { encryption, storageClass, tags } = this.#options;
    return {
      ...this.#customerKey,
      ...(encryption === undefined || encryption.kind === "customer" ? {} : { ServerSideEncryption: encryption.kind }),
      ...(encryption !== undefined && "keyId" in encryption && encryption.keyId !== undefined
        ? { SSEKMSKeyId: encryption.keyId }
        : {}),
      ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
      ...(tags === undefined ? {} : { Tagging: tags }),
    };
  }

  #call<T>(
    operation: ReplicaOperation,
    key: string | undefined,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withOwnSignal({ operation, key, signal }, work, (error) => this.#error(error, operation, key));
  }

  #error(error: unknown, operation: ReplicaOperation, key: string | undefined): ReplicaError {
    const customerKey = this.#options.encryption?.kind === "customer";
    return s3Error(error, { operation, key, where: this.#where, customerKey });
  }
}

/** What the options say, without secrets. */
function urlOf({ bucket, prefix, endpoint }: S3Options): string {
  const base = prefix === "" ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
  return endpoint === undefined ? base : `${base}?endpoint=${endpoint}`;
}

function customerKeyOf(encryption: Encryption | undefined): Record<string, string> {
  if (encryption?.kind !== "customer") return {};
  return { SSECustomerAlgorithm: "AES256", SSECustomerKey: encryption.key };
}

// The store's form encoding: a space is a plus sign (S3 API, EncodingType).
function decodedKey(key: string, encoding: string | undefined): string {
  return encoding === "url" ? decodeURIComponent(key.replaceAll("+", " ")) : key;
}

// The client of a store that another process serves (serve-store.ts).
import http from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { joined } from "./serve-store.ts";
import {
  bodyChunks,
  type ByteStream,
  type CallOptions,
  type Capabilities,
  checkKey,
  type GetOptions,
  networkError,
  type ObjectInfo,
  type PutBody,
  type PutOptions,
  type PutResult,
  readableBytes,
  type ReplicaClient,
  ReplicaError,
  type ReplicaErrorCode,
  type ReplicaOperation,
  throwIfAborted,
  withOwnSignal,
} from "@litewake/core/backend";

export interface RemoteStoreOptions {
  readonly socket: string;
  readonly url: string;
  readonly putIfAbsent: boolean;
}

interface Call {
  readonly operation: ReplicaOperation;
  readonly key: string;
  readonly signal: AbortSignal | undefined;
}

export class RemoteStore implements ReplicaClient {
  readonly type = "remote";
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #socket: string;

  constructor({ socket, url, putIfAbsent }: RemoteStoreOptions) {
    this.#socket = socket;
    this.url = url;
    this.capabilities = { putIfAbsent };
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    const call: Call = { operation: "list", key: prefix, signal };
    const body = this.#stream(await this.#request(call, "GET", "/list"), call);
    let rest = "";
    for await (const chunk of body) {
      const lines = (rest + Buffer.from(chunk).toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === '"end"') return;
        const object = JSON.parse(line) as Omit<ObjectInfo, "modifiedAt"> & { readonly modifiedAt: string };
        yield { ...object, modifiedAt: new Date(object.modifiedAt) };
      }
    }
    throw toError(new Error("the listing ended early"), call);
  }

  async get(key: string, { signal, offset = 0, length }: GetOptions = {}): Promise<ByteStream> {
    checkKey(key, "get");
    const call: Call = { operation: "get", key, signal };
    const range = { offset: String(offset), ...(length === undefined ? {} : { length: String(length) }) };
    return this.#stream(await this.#request(call, "GET", "/object", range), call);
  }

  async put(key: string, body: PutBody, { signal, ifAbsent = false }: PutOptions = {}): Promise<PutResult> {
    checkKey(key, "put");
    const call: Call = { operation: "put", key, signal };
    const answer = await this.#request(call, "PUT", "/object", ifAbsent ? { "if-absent": "" } : {}, body);
    const { size, modifiedAt } = JSON.parse(await this.#text(answer, call)) as { size: number; modifiedAt: string };
    return { size, modifiedAt: new Date(modifiedAt) };
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key, "delete");
    const call: Call = { operation: "delete", key: keys[0] ?? "", signal };
    await this.#text(await this.#request(call, "POST", "/delete", {}, Buffer.from(JSON.stringify(keys))), call);
  }

  async close(): Promise<void> {}

  #stream(answer: http.IncomingMessage, call: Call): ByteStream {
    return readableBytes(answer, { key: call.key, signal: call.signal, toError: (error) => toError(error, call) });
  }

  async #text(answer: http.IncomingMessage, call: Call): Promise<string> {
    return (await joined(this.#stream(answer, call))).toString();
  }

  async #request(
    call: Call,
    method: string,
    path: string,
    parameters: Readonly<Record<string, string>> = {},
    body: PutBody = new Uint8Array(0),
  ): Promise<http.IncomingMessage> {
    throwIfAborted(call.signal, call.operation, call.key);
    const query = new URLSearchParams({ key: call.key, ...parameters });
    const answer = await withOwnSignal(
      call,
      async (signal) => {
        const request = http.request({
          socketPath: this.#socket,
          method,
          path: `${path}?${query}`,
          agent: false,
          signal,
        });
        const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
          request.on("response", resolve).on("error", reject);
        });
        // The store may answer before it has everything, and then the rest has nowhere to go.
        const sent = pipeline(Readable.from(copied(bodyChunks(body, call.key, signal))), request).then(() => answered);
        for (const end of [answered, sent]) end.catch(() => {});
        return Promise.race([answered, sent]);
      },
      (error) => toError(error, call),
    );
    if (answer.statusCode === 200) return answer;
    const { code, retryable, message } = JSON.parse(await this.#text(answer, call)) as {
      code: ReplicaErrorCode;
      retryable: boolean;
      message: string;
    };
    throw new ReplicaError({ code, retryable, operation: call.operation, key: call.key, reason: message });
  }
}

// A chunk is the body's again when the next one is asked for, and a stream asks ahead.
async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield chunk.slice();
}

function toError(error: unknown, { operation, key }: Call): ReplicaError {
  if (ReplicaError.is(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return (
    networkError(error, "the store", operation, key) ??
    new ReplicaError({ code: "Unavailable", operation, key, reason, cause: error })
  );
}

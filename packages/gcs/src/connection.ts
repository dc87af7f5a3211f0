// Requests to the JSON API with the credentials that Google's SDK finds. The SDK's own calls cannot be ended by a signal
// and keep parts of uploads for retries of their own, so its file API is not used.
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { Storage } from "@google-cloud/storage";
import { abortable, type HttpAgents, httpAgents, type Share, SharedConnections } from "@litewake/core/backend";
import { HttpFailure, NoCredentials } from "./errors.ts";
import type { GcsOptions } from "./options.ts";

const GOOGLE = "https://storage.googleapis.com";

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** A path with its query, or the whole address of an upload's session. */
  readonly url: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: IncomingMessage;
}

const connections = new SharedConnections<Connection>();

/** Opens no socket before the first call. Replicas with the same credentials share one connection. */
export function connect(options: GcsOptions): Share<Connection> {
  const { endpoint, anonymous, keyFile } = options;
  return connections.take({ endpoint, anonymous, keyFile }, () => new Connection(options));
}

export class Connection {
  readonly #endpoint: string;
  readonly #storage: Storage | undefined;
  readonly #agents: HttpAgents = httpAgents();

  constructor({ endpoint, anonymous, keyFile }: GcsOptions) {
    this.#endpoint = endpoint ?? GOOGLE;
    this.#storage = anonymous ? undefined : new Storage(keyFile === undefined ? {} : { keyFilename: keyFile });
  }

  /** Host and port, for messages. */
  get host(): string {
    return new URL(this.#endpoint).host;
  }

  /** Sends one request; an answer that is no success (2xx, or `fine`) is thrown as `HttpFailure`, its body read. */
  async send(call: Call, fine: readonly number[] = []): Promise<Answer> {
    const url = call.url.startsWith("/") ? `${this.#endpoint}${call.url}` : call.url;
    const credentials = await this.#credentials(url, call.signal);
    const body = await this.#exchange(url, { ...call, headers: { ...credentials, ...call.headers } });
    const status = body.statusCode ?? 0;
    if ((status >= 200 && status < 300) || fine.includes(status)) return { status, headers: body.headers, body };
    throw new HttpFailure(status, await text(body));
  }

  /** As `send`, with the answer's JSON. */
  async json(call: Call): Promise<Record<string, unknown>> {
    const { body } = await this.send(call);
    return JSON.parse(await text(body)) as Record<string, unknown>;
  }

  close(): void {
    this.#agents.destroy();
  }

  async #credentials(url: string, signal: AbortSignal): Promise<OutgoingHttpHeaders> {
    if (this.#storage === undefined) return {};
    try {
      const found = await abortable(this.#storage.authClient.getRequestHeaders(url), signal, "open");
      return Object.fromEntries(new Headers(found));
    } catch (error) {
      if (signal.aborted) throw error;
      throw new NoCredentials(error);
    }
  }

  #exchange(url: string, { method, headers = {}, body, signal }: Call): Promise<IncomingMessage> {
    const secure = url.startsWith("https:");
    const length = body === undefined && method !== "POST" ? {} : { "content-length": body?.byteLength ?? 0 };
    const options = { method, headers: { ...headers, ...length }, signal };
    return new Promise((resolve, reject) => {
      const { request: send } = process.getBuiltinModule(secure ? "node:https" : "node:http");
      const request = send(url, { ...options, agent: secure ? this.#agents.https : this.#agents.http });
      request.on("response", resolve);
      request.on("error", reject);
      request.end(body);
    });
  }
}

/** Reads an answer's body to its end for nothing, so that its connection can be used again; what breaks it is no matter. */
export function discard(body: IncomingMessage): void {
  body.on("error", () => {}).resume();
}

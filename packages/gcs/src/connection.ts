// Requests to the JSON API with the credentials that Google's SDK finds. The SDK's own calls cannot be ended by a signal
// and keep parts of uploads for retries of their own, so its file API is not used.
import { Agent as HttpAgent, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { Storage } from "@google-cloud/storage";
import { abortable } from "@litewake/core/backend";
import { HttpFailure, NoCredentials } from "./errors.ts";
import type { GcsOptions } from "./options.ts";

const GOOGLE = "https://storage.googleapis.com";
/** A connection may be silent so long while a request is under way; progress of a slow upload counts as sound. */
const SILENCE_MS = 20_000;
const MAX_SOCKETS = 128;

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

export class Connection {
  readonly #endpoint: string;
  readonly #storage: Storage | undefined;
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent };

  constructor({ endpoint, anonymous, keyFile }: GcsOptions) {
    this.#endpoint = endpoint ?? GOOGLE;
    this.#storage = anonymous ? undefined : new Storage(keyFile === undefined ? {} : { keyFilename: keyFile });
    const options = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };
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
    this.#agents.http.destroy();
    this.#agents.https.destroy();
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
    const options = { method, headers: { ...headers, ...length }, signal, timeout: SILENCE_MS };
    return new Promise((resolve, reject) => {
      const request = secure
        ? httpsRequest(url, { ...options, agent: this.#agents.https })
        : httpRequest(url, { ...options, agent: this.#agents.http });
      request.on("response", resolve);
      request.on("error", reject);
      request.on("timeout", () =>
        request.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })),
      );
      request.end(body);
    });
  }
}

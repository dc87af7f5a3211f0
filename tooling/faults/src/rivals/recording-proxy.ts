// Stands before a store that speaks HTTP: notes when each request began, and can hold one in the network for as long as the
// test wants, also after whoever made it has given it up.
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** What it is about, where the path does not say: the names of a deletion, or of an upload. */
  about: string;
  /** `performance.now()` of this process. */
  readonly atMs: number;
  /** The store's answer, once it is there. */
  status: number | undefined;
}

export interface HeldRequest extends SeenRequest {
  /** Lets it go on; resolves with the store's answer. */
  letThrough(): Promise<number>;
}

export class RecordingProxy implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly #server: http.Server;
  readonly #upstream: URL;
  #wanted: { readonly about: RegExp; readonly held: (request: HeldRequest) => void } | undefined;

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = http.createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
  }

  static async before(upstream: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(upstream);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Holds the next upload that is about this. */
  hold(about: RegExp): Promise<HeldRequest> {
    return new Promise((resolve) => {
      this.#wanted = { about, held: resolve };
    });
  }

  async #pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = "GET", url: path = "/" } = request;
    const seen: SeenRequest = {
      method,
      path,
      about: decodeURIComponent(path),
      atMs: performance.now(),
      status: undefined,
    };
    this.requests.push(seen);
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part as Uint8Array);
    const body = Buffer.concat(parts);
    if (method === "POST") seen.about += ` ${body.toString("latin1", 0, 2000)}`;
    const wanted = this.#wanted;
    const isUpload = method === "PUT" || method === "POST";
    if (wanted !== undefined && isUpload && wanted.about.test(seen.about)) {
      this.#wanted = undefined;
      await new Promise<void>((goOn) => {
        const letThrough = async (): Promise<number> => {
          goOn();
          while (seen.status === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
          return seen.status;
        };
        wanted.held(Object.assign(seen, { letThrough }));
      });
    }
    await this.#forward({ method, path, headers: request.headers, body, seen }, response);
  }

  #forward({ method, path, headers, body, seen }: Upload, response: http.ServerResponse): Promise<void> {
    const { hostname, port } = this.#upstream;
    const { expect: _expect, ...rest } = headers;
    return new Promise((resolve, reject) => {
      const sent = http.request({ hostname, port, method, path, headers: rest }, (answer) => {
        seen.status = answer.statusCode ?? 0;
        response.writeHead(seen.status, answer.headers);
        answer.pipe(response);
        answer.once("end", resolve).once("error", reject);
      });
      sent.once("error", reject);
      sent.end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Upload {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly seen: SeenRequest;
}

// Serves what is to be seen: to Prometheus and probes at `addr`, and to `litewake status` and `point` at a socket of its own.
import type * as http from "node:http";
import type { AddressInfo } from "node:net";
import fs from "node:fs";
import { LitewakeError, type Logger, type TakenPoint } from "@litewake/core";
import { exitCodeOf, lineOf } from "../cli/exit-code.ts";
import { metricsOf } from "./metrics.ts";
import { reportOf, type Watched } from "./report.ts";

export interface ServerOptions {
  readonly watched: Watched;
  readonly staleMs: number;
  /** Takes a restore point. Undefined where there is no fleet, and at `addr`, where everybody may ask. */
  readonly point?: ((name: string) => Promise<TakenPoint>) | undefined;
  readonly logger: Logger;
}

/** `:9090`, `127.0.0.1:9090` or `[::1]:9090`; a port alone too. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Whether the host was written out. */
  readonly named: boolean;
}

/** What is served names databases and replicas: other hosts see it only where an address for them is written out. */
const LOOPBACK = "127.0.0.1";
/** A crowd at `addr` shall not use up the descriptors that replication needs. */
const MAX_CONNECTIONS = 64;

/** Undefined for what is no address. Without a host it is this machine's loopback. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:(.*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) return undefined;
  const host = (match[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  return host === "" ? { host: LOOPBACK, port, named: false } : { host, port, named: true };
}

/** Listening; `close` ends every connection. */
export class StatusServer implements AsyncDisposable {
  readonly #server: http.Server;
  readonly #file: string | undefined;

  private constructor(server: http.Server, file: string | undefined) {
    this.#server = server;
    this.#file = file;
  }

  /** Throws kind `usage` when the address cannot be had. */
  static async listen(at: Address | string, options: ServerOptions): Promise<StatusServer> {
    const server = process
      .getBuiltinModule("node:http")
      .createServer((request, response) => void answer(request, response, options));
    const where = typeof at === "string" ? at : `${at.host}:${at.port}`;
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) =>
        reject(
          new LitewakeError("usage", `cannot listen at ${where}: ${error.message}`, {
            next: "choose another addr",
            cause: error,
          }),
        ),
      );
      server.once("listening", resolve);
      if (typeof at === "string") server.listen(at);
      else server.listen(at.port, at.host);
    });
    // Replication does not end, and is not kept from ending, because somebody watches.
    server.unref();
    server.on("error", (error) => options.logger("warn", "the status server has failed", { error: error.message }));
    return new StatusServer(server, typeof at === "string" ? at : undefined);
  }

  /** The port that was given out, where 0 was asked for. */
  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (this.#file !== undefined) fs.rmSync(this.#file, { force: true });
  }
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  options: ServerOptions,
): Promise<void> {
  const { watched, staleMs, point } = options;
  request.resume();
  const reply = (code: number, type: string, body: string): void => {
    response.writeHead(code, { "content-type": type, "cache-control": "no-store" }).end(body);
  };
  // Whoever asks may send anything as the path, such as "//".
  const url = URL.parse(request.url ?? "/", "http://localhost");
  if (url === null) return reply(400, "text/plain", "no such path\n");
  if (request.method === "POST" && url.pathname === "/point" && point !== undefined) {
    try {
      const { name, takenAt, heldMs, places } = await point(url.searchParams.get("name") ?? "");
      reply(200, "application/json", JSON.stringify({ version: 1, name, takenAt, heldMs, databases: places.size }));
    } catch (error) {
      reply(409, "application/json", JSON.stringify({ version: 1, code: exitCodeOf(error), error: lineOf(error) }));
    }
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") return reply(405, "text/plain", "only GET\n");
  const report = reportOf(watched, staleMs);
  switch (url.pathname) {
    case "/metrics":
      return reply(200, "text/plain; version=0.0.4", metricsOf(report, watched));
    case "/healthz":
      return reply(
        report.healthy ? 200 : 503,
        "text/plain",
        report.healthy ? "ok\n" : `${report.problems.join("\n")}\n`,
      );
    case "/status":
      return reply(200, "application/json", `${JSON.stringify(report)}\n`);
    default:
      return reply(404, "text/plain", "there are /metrics, /healthz and /status\n");
  }
}

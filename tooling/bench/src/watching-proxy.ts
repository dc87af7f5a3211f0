// An HTTP proxy in front of the store that counts requests by verb and can look at what is put.
import http from "node:http";
import { minio } from "@litewake-tooling/emulators";

export interface WatchingProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Requests by verb: `GET`, `PUT`, `DELETE`, `HEAD`, `POST`, and `LIST` for a GET of the bucket. */
  readonly counts: Map<string, number>;
  /** Keys that were put, each time. */
  readonly puts: string[];
}

/** Told of each object that the store has acknowledged: its key, its bytes, and when (milliseconds since 1970, with fractions). */
export type OnStored = (key: string, bytes: Buffer, atMs: number) => void;

const now = (): number => performance.timeOrigin + performance.now();

export async function watchingProxy(onStored: OnStored = () => {}): Promise<WatchingProxy> {
  const upstream = new URL(minio.endpoint);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  const counts = new Map<string, number>();
  const puts: string[] = [];
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", upstream);
    const isList = request.method === "GET" && searchParams.has("list-type");
    const verb = isList ? "LIST" : (request.method ?? "");
    counts.set(verb, (counts.get(verb) ?? 0) + 1);
    const chunks: Buffer[] = [];
    // The host is part of what was signed: it goes on as it came.
    const { method, url, headers } = request;
    const onward = http.request(
      { agent, host: upstream.hostname, port: upstream.port, method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.once("end", () => {
          if (method !== "PUT" || answer.statusCode !== 200) return;
          const key = decodeURIComponent(pathname.replace(`/${minio.bucket}/`, ""));
          puts.push(key);
          onStored(key, Buffer.concat(chunks), now());
        });
      },
    );
    onward.on("error", () => response.destroy());
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    counts,
    puts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

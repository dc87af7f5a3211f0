// A store for other processes: any client, served over a Unix socket by HTTP. A process that is killed leaves its requests
// as a real one does: those that were sent whole are done, those that were not are not.
import http from "node:http";
import { type ReplicaClient, ReplicaError } from "@litewake/core/backend";

/** Listens until disposed. */
export async function serveStore(client: ReplicaClient, socket: string): Promise<AsyncDisposable> {
  const server = http.createServer((request, response) => {
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) gone.abort();
    });
    answer(client, request, response, gone.signal).catch((error: unknown) => fail(response, error));
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socket, resolve));
  return {
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  client: ReplicaClient,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://store");
  const key = searchParams.get("key") ?? "";
  switch (`${request.method} ${pathname}`) {
    case "GET /list": {
      for await (const object of client.list(key, { signal })) response.write(`${JSON.stringify(object)}\n`);
      response.end('"end"\n');
      return;
    }
    case "GET /object": {
      const [offset, length] = [searchParams.get("offset"), searchParams.get("length")];
      const range = { offset: Number(offset ?? 0), ...(length === null ? {} : { length: Number(length) }) };
      for await (const chunk of await client.get(key, { ...range, signal })) response.write(chunk);
      // Without a header for its length, a body that ends early is not taken for a whole one: it is chunked.
      response.end();
      return;
    }
    case "PUT /object": {
      const ifAbsent = searchParams.has("if-absent");
      const result = await client.put(key, request, { signal, ...(ifAbsent ? { ifAbsent } : {}) });
      response.end(JSON.stringify(result));
      return;
    }
    case "POST /delete": {
      const text = (await joined(request as AsyncIterable<Uint8Array>)).toString();
      await client.delete(JSON.parse(text) as string[], { signal });
      response.end("{}");
      return;
    }
    default:
      response.writeHead(400).end("{}");
  }
}

/** All of a stream. */
export async function joined(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Before the first byte a failure is an answer; after it the connection is cut. */
function fail(response: http.ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const known = ReplicaError.is(error)
    ? error
    : new ReplicaError({ code: "Unknown", operation: "get", reason: String(error) });
  const { code, retryable, message } = known;
  response.writeHead(500).end(JSON.stringify({ code, retryable, message }));
}

// A proxy of toxiproxy's in front of a server, and what can be done to the connections through it.
import { toxiproxy } from "./endpoints.ts";

/** Ports for proxies; each test takes the next one. */
const FIRST_PORT = 18_100;
const PORTS = 800;

/** One way to break a connection, as toxiproxy names it: `latency`, `bandwidth`, `reset_peer`, `timeout`, `limit_data`, … */
export interface Toxic {
  readonly type: "latency" | "bandwidth" | "reset_peer" | "timeout" | "limit_data" | "slow_close" | "slicer";
  /** `downstream` (default): what the server sends; `upstream`: what the client sends. */
  readonly stream?: "downstream" | "upstream";
  /** The part of connections concerned, 0 to 1. Default 1. */
  readonly toxicity?: number;
  readonly attributes: Readonly<Record<string, number>>;
}

export interface FaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  readonly port: number;
  /** Adds a toxic; what comes back takes it away. */
  add(toxic: Toxic): Promise<() => Promise<void>>;
  /** Refuses and cuts all connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** Puts a proxy in front of `upstream` (`host:port`). It ends with its disposal. */
export async function faultProxy(upstream: string): Promise<FaultProxy> {
  for (let tries = 0; tries < 50; tries += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const name = `p${port}`;
    const made = await call("POST", "/proxies", { name, listen: `127.0.0.1:${port}`, upstream, enabled: true });
    if (!made.ok) continue;
    let toxics = 0;
    const enable = async (enabled: boolean) => must(await call("POST", `/proxies/${name}`, { enabled }));
    return {
      endpoint: `http://127.0.0.1:${port}`,
      port,
      async add({ type, stream = "downstream", toxicity = 1, attributes }) {
        toxics += 1;
        const toxic = `t${toxics}`;
        await must(await call("POST", `/proxies/${name}/toxics`, { name: toxic, type, stream, toxicity, attributes }));
        return async () => must(await call("DELETE", `/proxies/${name}/toxics/${toxic}`));
      },
      down: () => enable(false),
      up: () => enable(true),
      [Symbol.asyncDispose]: async () => must(await call("DELETE", `/proxies/${name}`)),
    };
  }
  throw new Error("toxiproxy gave no proxy: is it running?");
}

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  return await fetch(`${toxiproxy.api}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function must(response: Response): Promise<void> {
  if (!response.ok) throw new Error(`toxiproxy answered ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

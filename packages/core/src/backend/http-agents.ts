// Node's HTTP agents as every store over HTTP wants them: connections that are kept, none that hangs, all ended by one call.
// Node's modules are loaded with the first agent that is used, and not by `import`, which reads all that a module exports: of
// node:http also `WebSocket`, and with it undici (25 ms and 13 MB), of node:tls all root certificates.
import type { Agent as HttpAgent } from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";

/** A connection may be silent so long while a request is under way; progress of a slow upload counts as sound. */
const SILENCE_MS = 20_000;
const MAX_SOCKETS = 128;

export interface HttpAgentOptions {
  /** Certificates to trust beside those of Node, PEM. */
  readonly ca?: string | undefined;
  /** Take any certificate. */
  readonly skipVerify?: boolean;
}

/** Each is made when it is first read. */
export interface HttpAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Ends every connection. */
  destroy(): void;
}

/** Opens no socket. One that is silent for 20 s ends with ETIMEDOUT. */
export function httpAgents({ ca, skipVerify = false }: HttpAgentOptions = {}): HttpAgents {
  const common = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: SILENCE_MS };
  let http: HttpAgent | undefined;
  let https: HttpsAgent | undefined;
  return {
    get http() {
      return (http ??= endSilentSockets(new (process.getBuiltinModule("node:http").Agent)(common)));
    },
    get https() {
      return (https ??= endSilentSockets(
        new (process.getBuiltinModule("node:https").Agent)({
          ...common,
          rejectUnauthorized: !skipVerify,
          ...(ca === undefined ? {} : { ca: [...process.getBuiltinModule("node:tls").rootCertificates, ca] }),
        }),
      ));
    },
    destroy: () => {
      http?.destroy();
      https?.destroy();
    },
  };
}

/** A limit for a whole request would end the slow upload of a large part. */
function endSilentSockets<T extends HttpAgent>(agent: T): T {
  const create = agent.createConnection.bind(agent) as (...args: unknown[]) => Duplex | null | undefined;
  agent.createConnection = (...args: unknown[]): Duplex | null | undefined => {
    const socket = create(...args);
    socket?.on("timeout", () => socket.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })));
    return socket;
  };
  return agent;
}

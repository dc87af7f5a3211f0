// Node's HTTP agents as every store over HTTP wants them: connections that are kept, none that hangs, all ended by one call.
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import { rootCertificates } from "node:tls";

/** A connection may be silent so long while a request is under way; progress of a slow upload counts as sound. */
const SILENCE_MS = 20_000;
const MAX_SOCKETS = 128;

export interface HttpAgentOptions {
  /** Certificates to trust beside those of Node, PEM. */
  readonly ca?: string | undefined;
  /** Take any certificate. */
  readonly skipVerify?: boolean;
}

export interface HttpAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Ends every connection. */
  destroy(): void;
}

/** Opens no socket. One that is silent for 20 s ends with ETIMEDOUT. */
export function httpAgents({ ca, skipVerify = false }: HttpAgentOptions = {}): HttpAgents {
  const common = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: SILENCE_MS };
  const http = new HttpAgent(common);
  const https = new HttpsAgent({
    ...common,
    rejectUnauthorized: !skipVerify,
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
  });
  for (const agent of [http, https]) endSilentSockets(agent);
  return {
    http,
    https,
    destroy: () => {
      http.destroy();
      https.destroy();
    },
  };
}

/** A limit for a whole request would end the slow upload of a large part. */
function endSilentSockets(agent: HttpAgent | HttpsAgent): void {
  const create = agent.createConnection.bind(agent) as (...args: unknown[]) => Duplex | null | undefined;
  agent.createConnection = (...args: unknown[]): Duplex | null | undefined => {
    const socket = create(...args);
    socket?.on("timeout", () => socket.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })));
    return socket;
  };
}

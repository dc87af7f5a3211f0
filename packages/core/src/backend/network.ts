// What the errors of sockets, names and certificates mean to a replica, as a table; the same for every store on a network.
import { withoutSecrets } from "../secrets.ts";
import { ReplicaError, type ReplicaErrorCode, type ReplicaOperation } from "./error.ts";

interface Meaning {
  readonly code: ReplicaErrorCode;
  readonly reason: string;
}

const unavailable = (reason: string): Meaning => ({ code: "Unavailable", reason });
const certificate = (reason: string): Meaning => ({
  code: "InvalidConfig",
  reason: `${reason}; give its CA by ca-file: or NODE_EXTRA_CA_CERTS`,
});

const meanings: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: unavailable("the connection was refused: nothing listens there, or a firewall is between"),
  ECONNRESET: unavailable("the connection was reset"),
  ECONNABORTED: unavailable("the connection was cut"),
  EPIPE: unavailable("the connection was closed by the other side"),
  ETIMEDOUT: unavailable("the connection timed out"),
  ESOCKETTIMEDOUT: unavailable("the connection timed out"),
  EHOSTUNREACH: unavailable("the host cannot be reached"),
  EHOSTDOWN: unavailable("the host is down"),
  ENETUNREACH: unavailable("the network cannot be reached"),
  ENETDOWN: unavailable("the network is down"),
  ENOTFOUND: unavailable("the name of the host is not known"),
  EAI_AGAIN: unavailable("the name of the host could not be looked up"),
  EMFILE: unavailable("too many files are open in this process"),
  EADDRNOTAVAIL: unavailable("no local port is free"),
  ERR_STREAM_PREMATURE_CLOSE: unavailable("the connection was cut in the middle"),
  UND_ERR_SOCKET: unavailable("the connection was cut"),
  HPE_INVALID_CONSTANT: { code: "InvalidConfig", reason: "the answer is not HTTP; is the port right?" },
  EPROTO: { code: "InvalidConfig", reason: "TLS failed; does the endpoint speak plain http?" },
  ERR_SSL_WRONG_VERSION_NUMBER: { code: "InvalidConfig", reason: "TLS failed; does the endpoint speak plain http?" },
  ERR_SSL_PACKET_LENGTH_TOO_LONG: { code: "InvalidConfig", reason: "TLS failed; does the endpoint speak plain http?" },
  SELF_SIGNED_CERT_IN_CHAIN: certificate("the server's certificate is signed by an authority that is not known here"),
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate("the server's certificate is signed by itself"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate(
    "the server's certificate is signed by an authority that is not known here",
  ),
  UNABLE_TO_GET_ISSUER_CERT: certificate("the server's certificate is signed by an authority that is not known here"),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate(
    "the server's certificate is signed by an authority that is not known here",
  ),
  CERT_HAS_EXPIRED: {
    code: "InvalidConfig",
    reason: "the server's certificate has expired; is this host's clock right?",
  },
  CERT_NOT_YET_VALID: {
    code: "InvalidConfig",
    reason: "the server's certificate is not valid yet; is this host's clock right?",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: { code: "InvalidConfig", reason: "the server's certificate is for another host" },
};

/** The symbolic code of an error or of what caused it, `ECONNRESET` for instance, if it is one of the network's. */
export function networkCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ("code" in at && typeof at.code === "string" && Object.hasOwn(meanings, at.code)) return at.code;
    // Node joins the failures of several addresses of one host.
    if (at instanceof AggregateError) {
      for (const inner of at.errors) {
        const code = networkCode(inner);
        if (code !== undefined) return code;
      }
    }
  }
  return undefined;
}

/** A failure of the network as the replica's error, or undefined if it is none. `where` is the host, for the line. */
export function networkError(
  error: unknown,
  where: string,
  operation: ReplicaOperation,
  key?: string,
): ReplicaError | undefined {
  const symbol = networkCode(error);
  const meaning = symbol === undefined ? undefined : meanings[symbol];
  if (meaning === undefined) return undefined;
  const reason = `${where}: ${meaning.reason} (${symbol})`;
  return new ReplicaError({ code: meaning.code, operation, key, reason, cause: plainCause(error) });
}

/** An error without what hangs on it: vendors attach requests, with credentials in their headers. */
export function plainCause(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(withoutSecrets(String(error)));
  const plain = new Error(withoutSecrets(error.message));
  plain.name = error.name;
  if (error.stack !== undefined) plain.stack = withoutSecrets(error.stack);
  if ("code" in error && typeof error.code === "string") Object.assign(plain, { code: error.code });
  return plain;
}

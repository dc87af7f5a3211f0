// Gets without the SDK's way through its middlewares, which takes a millisecond of CPU for each object: a restore gets thousands.
// A first listing or get goes through the SDK; what it came to (host, path, headers, region) is the pattern of the gets. Whatever
// is not a plain success is asked for again through the SDK, whose answer then counts: redirects, errors, new credentials.
import type { IncomingMessage, RequestOptions } from "node:http";
import type { S3Client } from "@aws-sdk/client-s3";
import type { HttpAgents } from "@litewake/core/backend";
import { SignatureV4 } from "@smithy/signature-v4";

/** A signed request as the SDK sends it. */
interface SentRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Pattern extends Omit<SentRequest, "method" | "headers"> {
  /** Of the path, before the key. */
  readonly base: string;
  /** With each get: the host, a customer's key. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signer: SignatureV4;
}

/** A plain success; anything else is `undefined`. */
export interface QuickAnswer {
  readonly body: IncomingMessage;
  readonly bytes: number | undefined;
}

const OK = [200, 206];
const GONE = ["ECONNRESET", "EPIPE"];

export class QuickGet {
  readonly #s3: S3Client;
  readonly #agents: HttpAgents;
  #pattern: Pattern | undefined;

  /** `customerKey`: gets carry headers that a listing does not. */
  constructor(s3: S3Client, agents: HttpAgents, customerKey: boolean) {
    this.#s3 = s3;
    this.#agents = agents;
    s3.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const result = await next(args);
          const key = keyOf(commandName, args.input, customerKey);
          // Signed by now, redirected to the bucket's own region where it had to be, and answered.
          if (key !== undefined) this.#pattern ??= this.#learn(args.request as SentRequest, key);
          return result;
        },
      { step: "deserialize", name: "litewakeQuickGet", priority: "low" },
    );
  }

  /** Undefined: ask the SDK. */
  async get(key: string, range: string | undefined, signal: AbortSignal): Promise<QuickAnswer | undefined> {
    const pattern = this.#pattern;
    if (pattern === undefined) return undefined;
    const { protocol, hostname, port, base, signer } = pattern;
    const path = base + encodedKey(key);
    const plain = { ...pattern.headers, ...(range === undefined ? {} : { range }) };
    const place = { protocol, hostname, path, ...(port === undefined ? {} : { port }) };
    const { headers } = await signer.sign({ ...place, method: "GET", headers: plain });
    const answer = await this.#send({ ...place, headers, signal });
    if (answer === undefined) return undefined;
    const length = Number(answer.headers["content-length"]);
    return { body: answer, bytes: Number.isSafeInteger(length) ? length : undefined };
  }

  #send(options: RequestOptions): Promise<IncomingMessage | undefined> {
    const secure = options.protocol === "https:";
    const { request: send } = process.getBuiltinModule(secure ? "node:https" : "node:http");
    const agent = secure ? this.#agents.https : this.#agents.http;
    return new Promise((resolve, reject) => {
      const sent = send({ ...options, agent }, (answer) => {
        if (OK.includes(answer.statusCode ?? 0)) return resolve(answer);
        answer.resume();
        resolve(undefined);
      });
      // A connection that was kept may have been closed meanwhile; of any other failure the SDK would say the same, later.
      sent.on("error", (error: NodeJS.ErrnoException) =>
        GONE.includes(error.code ?? "") ? resolve(undefined) : reject(error),
      );
      sent.end();
    });
  }

  /** Only of what is understood whole: a plain signature of version 4 over a path that ends with the key. */
  #learn({ protocol, hostname, port, path, headers }: SentRequest, key: string): Pattern | undefined {
    const region = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/s3\/aws4_request/.exec(
      headers["authorization"] ?? "",
    )?.[1];
    const suffix = encodedKey(key);
    if (region === undefined || headers["x-amz-s3session-token"] !== undefined || !path.endsWith(`/${suffix}`))
      return undefined;
    const kept = Object.entries(headers).filter(
      ([name]) => name === "host" || name.startsWith("x-amz-server-side-encryption-customer-"),
    );
    const { credentials, sha256 } = this.#s3.config;
    const signer = new SignatureV4({
      credentials,
      region,
      service: "s3",
      sha256,
      uriEscapePath: false,
      applyChecksum: true,
    });
    const base = path.slice(0, path.length - suffix.length);
    return {
      protocol,
      hostname,
      ...(port === undefined ? {} : { port }),
      path,
      base,
      headers: Object.fromEntries(kept),
      signer,
    };
  }
}

/** As the SDK encodes a key: everything but unreserved characters and slashes (RFC 3986). */
function encodedKey(key: string): string {
  return key.split("/").map(encoded).join("/");
}

function encoded(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The key at the end of a request's path: of a listing the empty one. Undefined: nothing is learnt from this command. */
function keyOf(command: string | undefined, input: object, customerKey: boolean): string | undefined {
  if (command === "ListObjectsV2Command") return customerKey ? undefined : "";
  return command === "GetObjectCommand" && "Key" in input ? String(input.Key) : undefined;
}

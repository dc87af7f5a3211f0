// The SDK's client as this backend needs it: no retries of its own, no hanging, sockets that end with it.
import { createHash } from "node:crypto";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { type HttpAgents, httpAgents, type Share, SharedConnections } from "@litewake/core/backend";
import type { S3Options } from "./options.ts";
import { QuickGet } from "./quick-get.ts";

const CONNECT_MS = 10_000;

export interface Connection {
  readonly s3: S3Client;
  readonly quick: QuickGet;
  close(): void;
}

const connections = new SharedConnections<Connection>();

/** Opens no socket before the first call. Replicas beside each other in a bucket share one connection. */
export function connect(options: S3Options): Share<Connection> {
  const { prefix: _prefix, storageClass: _class, tags: _tags, ...telling } = options;
  return connections.take(telling, () => connectionOf(options));
}

function connectionOf(options: S3Options): Connection {
  const agents = httpAgents(options);
  const s3 = new S3Client(configuration(options, agents));
  noteDate(s3);
  if (options.profile.deleteNeedsMd5) sendMd5OfDeletes(s3);
  return {
    s3,
    quick: new QuickGet(s3, agents, options.encryption?.kind === "customer"),
    close: () => {
      s3.destroy();
      agents.destroy();
    },
  };
}

function configuration(options: S3Options, agents: HttpAgents): S3ClientConfig {
  const { profile, region, endpoint, credentials, sharedProfile } = options;
  return {
    // Core retries, by what our errors say.
    maxAttempts: 1,
    // Without it the SDK opens a connection of its own for each put above 2 MiB.
    expectContinueHeader: false,
    followRegionRedirects: true,
    forcePathStyle: options.forcePathStyle,
    requestChecksumCalculation: profile.checksums === "always" ? "WHEN_SUPPORTED" : "WHEN_REQUIRED",
    // What is stored holds a checksum of its own, which every restore proves.
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { httpAgent: agents.http, httpsAgent: agents.https, connectionTimeout: CONNECT_MS },
    region: region ?? once(() => sharedRegion(sharedProfile)),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
    ...(sharedProfile === undefined ? {} : { profile: sharedProfile }),
  };
}

/** The SDK asks for the region with each request. */
function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= find());
}

/** The region of the shared AWS configuration, where Amazon's own tools look too. */
async function sharedRegion(profile: string | undefined): Promise<string> {
  const probe = new S3Client(profile === undefined ? {} : { profile });
  try {
    return await probe.config.region();
  } catch {
    // None is set: any will do to begin with, since Amazon redirects to the bucket's own.
    return "us-east-1";
  } finally {
    probe.destroy();
  }
}

/** Where an answer's Date header is kept: the store's clock, which the SDK does not hand out. */
const dates = new WeakMap<object, Date>();

/** The store's clock when it gave this answer; undefined if it told none. */
export function dateOf(answer: object): Date | undefined {
  return dates.get(answer);
}

function noteDate(s3: S3Client): void {
  s3.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      const date = new Date(headers?.["date"] ?? "");
      if (!Number.isNaN(date.getTime()) && result.output !== undefined) dates.set(result.output, date);
      return result;
    },
    { step: "deserialize", name: "litewakeDate", priority: "high" },
  );
}

/** Bulk deletes once had to carry Content-MD5; stores that know no newer checksum insist on it (S3 API, DeleteObjects). */
function sendMd5OfDeletes(s3: S3Client): void {
  s3.middlewareStack.add(
    (next, context) => async (args) => {
      const request = args.request as { headers?: Record<string, string>; body?: unknown };
      if (context.commandName === "DeleteObjectsCommand" && request.headers !== undefined) {
        for (const name of Object.keys(request.headers)) {
          if (/^x-amz-(?:sdk-)?checksum-/i.test(name)) delete request.headers[name];
        }
        const body = request.body instanceof Uint8Array ? request.body : String(request.body);
        request.headers["content-md5"] = createHash("md5").update(body).digest("base64");
      }
      return next(args);
    },
    // After the SDK's checksum, before the signature.
    { step: "build", name: "litewakeDeleteMd5", priority: "low" },
  );
}

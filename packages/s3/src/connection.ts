// The SDK's client as this backend needs it: no retries of its own, no hanging, sockets that end with it.
import { createHash } from "node:crypto";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { rootCertificates } from "node:tls";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { S3Options } from "./options.ts";

const CONNECT_MS = 10_000;
/** A socket may be silent so long while a request is under way; progress of a slow upload counts as sound. */
const SILENCE_MS = 20_000;
const MAX_SOCKETS = 128;

export interface Connection {
  readonly s3: S3Client;
  close(): void;
}

/** Opens no socket before the first call. */
export function connect(options: S3Options): Connection {
  const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: SILENCE_MS };
  const http = new HttpAgent(agentOptions);
  const https = new HttpsAgent({
    ...agentOptions,
    rejectUnauthorized: !options.skipVerify,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  });
  const s3 = new S3Client(configuration(options, http, https));
  noteDate(s3);
  if (options.profile.deleteNeedsMd5) sendMd5OfDeletes(s3);
  return {
    s3,
    close: () => {
      s3.destroy();
      http.destroy();
      https.destroy();
    },
  };
}

function configuration(options: S3Options, httpAgent: HttpAgent, httpsAgent: HttpsAgent): S3ClientConfig {
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
    requestHandler: { httpAgent, httpsAgent, connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    region: region ?? (() => sharedRegion(sharedProfile)),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
    ...(sharedProfile === undefined ? {} : { profile: sharedProfile }),
  };
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

// How a body becomes an object: in one request if it is small, else in a resumable session that shows nothing until its end.
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import { type PutResult, uploadParted, type UploadSource } from "@litewake/core/backend";
import { type Answer, type Connection, discard } from "./connection.ts";
import { HttpFailure } from "./errors.ts";
import type { GcsOptions } from "./options.ts";

/** A multiple of 256 KiB, as the sessions of the API want it. Two of them are in memory for each upload under way. */
const CHUNK_BYTES = 8 << 20;
const CLEAN_UP_MS = 10_000;
/** The status of a part that was taken when more is wanted. */
const TAKEN = 308;
const BOUNDARY = "litewake-object";

export interface Upload {
  readonly connection: Connection;
  readonly options: GcsOptions;
  /** The whole name, prefix included. */
  readonly name: string;
  readonly ifAbsent: boolean;
  readonly signal: AbortSignal;
}

/** Stores the body. Fails with the connection's error, or with the body's; then nothing is visible. */
export function upload(job: Upload, source: UploadSource): Promise<PutResult> {
  return uploadParted(source, {
    sizeOf: () => CHUNK_BYTES,
    whole: (body) => putWhole(job, body),
    inParts: (parts) => putInSession(job, parts),
  });
}

async function putWhole(job: Upload, body: Uint8Array): Promise<PutResult> {
  const md5Hash = createHash("md5").update(body).digest("base64");
  const head = `--${BOUNDARY}\r\ncontent-type: application/json\r\n\r\n${JSON.stringify({ ...metadataOf(job), md5Hash })}\r\n`;
  const between = `--${BOUNDARY}\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const answer = await job.connection.json({
    method: "POST",
    url: uploadUrl(job, "multipart"),
    headers: { "content-type": `multipart/related; boundary=${BOUNDARY}` },
    body: Buffer.concat([Buffer.from(head + between), body, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]),
    signal: job.signal,
  });
  return resultOf(answer, body.byteLength);
}

async function putInSession(job: Upload, parts: AsyncIterable<Uint8Array>): Promise<PutResult> {
  const session = await begin(job);
  try {
    let at = 0;
    // One part held back: only the last one may and must tell the object's size.
    let held: Uint8Array | undefined;
    for await (const part of parts) {
      if (held !== undefined) at = await putPart(job, session, held, at);
      held = part;
    }
    return await putLast(job, session, held ?? new Uint8Array(0), at);
  } catch (error) {
    // Frees what the session holds; also after the caller's abort, so with a limit of its own.
    const cancel = { method: "DELETE" as const, url: session, signal: AbortSignal.timeout(CLEAN_UP_MS) };
    await job.connection.send(cancel, [404, 410, 499]).then(
      ({ body }) => discard(body),
      () => {},
    );
    throw error;
  }
}

/** Sends a part that is not the last; returns where the next one begins. */
async function putPart(job: Upload, session: string, part: Uint8Array, at: number): Promise<number> {
  const { status, headers, body } = await sendPart(job, session, part, `bytes ${at}-${at + part.byteLength - 1}/*`);
  await text(body);
  const end = at + part.byteLength;
  if (status !== TAKEN || headers["range"] !== `bytes=0-${end - 1}`) {
    throw new HttpFailure(503, `the store has ${headers["range"] ?? "nothing"} of the first ${end} bytes`);
  }
  return end;
}

async function putLast(job: Upload, session: string, part: Uint8Array, at: number): Promise<PutResult> {
  const size = at + part.byteLength;
  const { status, body } = await sendPart(job, session, part, `bytes ${at}-${size - 1}/${size}`);
  const said = await text(body);
  if (status === TAKEN) throw new HttpFailure(503, "the store did not take the last part");
  return resultOf(JSON.parse(said) as Record<string, unknown>, size);
}

function sendPart({ connection, signal }: Upload, url: string, body: Uint8Array, range: string): Promise<Answer> {
  return connection.send({ method: "PUT", url, headers: { "content-range": range }, body, signal }, [TAKEN]);
}

async function begin(job: Upload): Promise<string> {
  const { headers, body } = await job.connection.send({
    method: "POST",
    url: uploadUrl(job, "resumable"),
    headers: { "content-type": "application/json", "x-upload-content-type": "application/octet-stream" },
    body: Buffer.from(JSON.stringify(metadataOf(job))),
    signal: job.signal,
  });
  await text(body);
  if (headers.location === undefined) throw new HttpFailure(503, "the store began no upload");
  return headers.location;
}

function metadataOf({ name, options }: Upload): Record<string, string> {
  const { storageClass } = options;
  return { name, contentType: "application/octet-stream", ...(storageClass === undefined ? {} : { storageClass }) };
}

function uploadUrl({ name, options, ifAbsent }: Upload, uploadType: string): string {
  const query = new URLSearchParams({ uploadType, name });
  if (ifAbsent) query.set("ifGenerationMatch", "0");
  if (options.kmsKeyName !== undefined) query.set("kmsKeyName", options.kmsKeyName);
  if (options.userProject !== undefined) query.set("userProject", options.userProject);
  return `/upload/storage/v1/b/${encodeURIComponent(options.bucket)}/o?${query.toString()}`;
}

function resultOf(answer: Record<string, unknown>, sent: number): PutResult {
  const size = Number(answer["size"]);
  if (size !== sent) throw new HttpFailure(503, `the store took ${size} bytes of ${sent}`);
  return { size, modifiedAt: new Date(String(answer["timeCreated"])) };
}

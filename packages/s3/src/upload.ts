// How a body becomes an object: in one request if it is small, else in parts that become visible together.
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { type PutResult, sendParts, uploadParted, type UploadSource } from "@litewake/core/backend";
import { dateOf } from "./connection.ts";

const MIB = 1 << 20;
/** The least that S3 allows, and so the least memory: four of them for each upload under way. */
const FIRST_PART_BYTES = 5 * MIB;
/** Stores that want equal parts: 10,000 of these are 312 GiB. */
const EQUAL_PART_BYTES = 32 * MIB;
/** Parts double in size after so many, so that 10,000 of them (S3's limit) are 5 TiB, as much as an object may have. */
const PARTS_OF_ONE_SIZE = 1000;
/** Parts under way at once; with the one that is being gathered, four are in memory. */
const PARTS_AT_ONCE = 3;
const CLEAN_UP_MS = 10_000;

export interface Upload {
  readonly s3: S3Client;
  readonly bucket: string;
  /** The whole key, prefix included. */
  readonly key: string;
  readonly ifAbsent: boolean;
  readonly equalParts: boolean;
  /** Headers of the object: encryption, storage class, tags. */
  readonly object: Readonly<Record<string, string>>;
  /** The headers of encryption with a customer's key, which every request must carry. */
  readonly customerKey: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Stores the body. Fails with the SDK's error, or with the body's; then nothing is visible. */
export function upload(job: Upload, source: UploadSource): Promise<PutResult> {
  return uploadParted(source, {
    sizeOf: (part) => partBytes(part, job.equalParts),
    whole: (body) => putWhole(job, body),
    inParts: (parts) => putInParts(job, parts),
  });
}

function partBytes(part: number, equalParts: boolean): number {
  return equalParts ? EQUAL_PART_BYTES : FIRST_PART_BYTES * 2 ** Math.floor(part / PARTS_OF_ONE_SIZE);
}

async function putWhole(job: Upload, body: Uint8Array): Promise<PutResult> {
  const { s3, bucket, key, signal } = job;
  const condition = job.ifAbsent ? { IfNoneMatch: "*" } : {};
  const input = { Bucket: bucket, Key: key, Body: body, ContentLength: body.byteLength, ...condition, ...job.object };
  const answer = await s3.send(new PutObjectCommand(input), { abortSignal: signal });
  return { size: body.byteLength, modifiedAt: dateOf(answer) ?? new Date() };
}

async function putInParts(job: Upload, parts: AsyncIterable<Uint8Array>): Promise<PutResult> {
  const { s3, bucket, key, signal, customerKey } = job;
  const where = { Bucket: bucket, Key: key };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...where, ...job.object }), {
    abortSignal: signal,
  });
  try {
    const done: CompletedPart[] = [];
    const size = await sendParts(parts, {
      atOnce: PARTS_AT_ONCE,
      signal,
      send: async (body, number, abortSignal) => {
        const PartNumber = number + 1;
        const input = { ...where, ...customerKey, UploadId, PartNumber, Body: body, ContentLength: body.byteLength };
        const answer = await s3.send(new UploadPartCommand(input), { abortSignal });
        done[number] = { PartNumber, ...checksumsOf(answer) };
      },
    });
    const condition = job.ifAbsent ? { IfNoneMatch: "*" } : {};
    const complete = { ...where, ...customerKey, UploadId, MultipartUpload: { Parts: done }, ...condition };
    const answer = await s3.send(new CompleteMultipartUploadCommand(complete), { abortSignal: signal });
    return { size, modifiedAt: (await storedAt(job)) ?? dateOf(answer) ?? new Date() };
  } catch (error) {
    await abandon(s3, { ...where, UploadId });
    throw error;
  }
}

function checksumsOf({ ETag, ChecksumCRC32 }: CompletedPart): CompletedPart {
  return { ...(ETag === undefined ? {} : { ETag }), ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
}

/** Amazon dates such an object by the beginning of its upload, others by its end: only the store knows. */
async function storedAt({ s3, bucket, key, customerKey, signal }: Upload): Promise<Date | undefined> {
  try {
    const head = new HeadObjectCommand({ Bucket: bucket, Key: key, ...customerKey });
    return (await s3.send(head, { abortSignal: signal })).LastModified;
  } catch {
    // The object is stored; whoever may write but not read gets the answer's date.
    return undefined;
  }
}

/** Frees the parts, which are invisible but cost money. Also after the caller's abort, so with a limit of its own. */
async function abandon(
  s3: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string | undefined },
): Promise<void> {
  const abortSignal = AbortSignal.timeout(CLEAN_UP_MS);
  await s3.send(new AbortMultipartUploadCommand(upload), { abortSignal }).catch(() => {});
}

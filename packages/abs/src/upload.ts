// How a body becomes a blob: in one request if it is small, else in blocks that become visible together.
import type { BlockBlobClient, BlockBlobCommitBlockListOptions } from "@azure/storage-blob";
import { type PutResult, sendParts, uploadParted, type UploadSource } from "@litewake/core/backend";

const MIB = 1 << 20;
const FIRST_BLOCK_BYTES = 4 * MIB;
/** Blocks double in size after so many: 50,000 of them (the service's limit) are more than a blob may have. */
const BLOCKS_OF_ONE_SIZE = 4000;
/** Blocks under way at once; with the one that is being gathered, four are in memory. */
const BLOCKS_AT_ONCE = 3;

export interface Upload {
  readonly blob: BlockBlobClient;
  readonly ifAbsent: boolean;
  readonly tier: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Stores the body. Fails with the SDK's error, or with the body's; then nothing is visible. Blocks that were sent for
 * nothing cannot be taken back: the service drops them after a week, or with the next commit to that name.
 */
export function upload(job: Upload, source: UploadSource): Promise<PutResult> {
  return uploadParted(source, {
    sizeOf: blockBytes,
    whole: (body) => putWhole(job, body),
    inParts: (parts) => putInBlocks(job, parts),
  });
}

function blockBytes(block: number): number {
  return FIRST_BLOCK_BYTES * 2 ** Math.floor(block / BLOCKS_OF_ONE_SIZE);
}

function blobOptions({ ifAbsent, tier, signal }: Upload): BlockBlobCommitBlockListOptions {
  return {
    abortSignal: signal,
    blobHTTPHeaders: { blobContentType: "application/octet-stream" },
    ...(ifAbsent ? { conditions: { ifNoneMatch: "*" } } : {}),
    ...(tier === undefined ? {} : { tier }),
  };
}

async function putWhole(job: Upload, body: Uint8Array): Promise<PutResult> {
  const { lastModified } = await job.blob.upload(body, body.byteLength, blobOptions(job));
  return { size: body.byteLength, modifiedAt: lastModified ?? new Date() };
}

async function putInBlocks(job: Upload, parts: AsyncIterable<Uint8Array>): Promise<PutResult> {
  const { blob, signal } = job;
  // Names of this upload alone: a rival's blocks of the same blob must not be taken for ours.
  const upload = crypto.randomUUID();
  const ids: string[] = [];
  const size = await sendParts(parts, {
    atOnce: BLOCKS_AT_ONCE,
    signal,
    send: async (body, number, abortSignal) => {
      const id = Buffer.from(`${upload}-${String(number).padStart(6, "0")}`).toString("base64");
      ids[number] = id;
      await blob.stageBlock(id, body, body.byteLength, { abortSignal });
    },
  });
  const { lastModified } = await blob.commitBlockList(ids, blobOptions(job));
  return { size, modifiedAt: lastModified ?? new Date() };
}

// How a body becomes a blob: in one request if it is small, else in blocks that become visible together.
import type { BlockBlobClient, BlockBlobCommitBlockListOptions } from "@azure/storage-blob";
import { gatherParts, type PutResult } from "@litewake/core/backend";

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
 * Stores the chunks. Fails with the SDK's error, or with the body's; then nothing is visible. Blocks that were sent for
 * nothing cannot be taken back: the service drops them after a week, or with the next commit to that name.
 */
export async function upload(job: Upload, chunks: AsyncIterable<Uint8Array>): Promise<PutResult> {
  const parts = gatherParts(chunks, blockBytes);
  try {
    // Taken out of this array one by one: a variable would keep the first two in memory to the end.
    const begun: Uint8Array[] = [];
    while (begun.length < 2 && (begun[0]?.byteLength ?? 0) % FIRST_BLOCK_BYTES === 0) {
      const next = await parts.next();
      if (next.done === true) break;
      begun.push(next.value);
    }
    return await (begun.length < 2 ? putWhole(job, begun[0] ?? new Uint8Array(0)) : putInBlocks(job, resumed(begun, parts)));
  } finally {
    await parts.return();
  }
}

function blockBytes(block: number): number {
  return FIRST_BLOCK_BYTES * 2 ** Math.floor(block / BLOCKS_OF_ONE_SIZE);
}

async function* resumed(first: Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let part = first.shift(); part !== undefined; part = first.shift()) yield part;
  yield* rest;
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
  // One failed block ends the others.
  const failed = new AbortController();
  const abortSignal = AbortSignal.any([signal, failed.signal]);
  const running = new Set<Promise<void>>();
  const ids: string[] = [];
  // Names of this upload alone: a rival's blocks of the same blob must not be taken for ours.
  const upload = crypto.randomUUID();
  let size = 0;
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const body of parts) {
      size += body.byteLength;
      const id = Buffer.from(`${upload}-${String(ids.length).padStart(6, "0")}`).toString("base64");
      ids.push(id);
      const work: Promise<void> = blob
        .stageBlock(id, body, body.byteLength, { abortSignal })
        .then(() => {})
        .catch((error: unknown) => void (failure ??= { error }))
        .finally(() => running.delete(work));
      running.add(work);
      if (running.size >= BLOCKS_AT_ONCE) await Promise.race(running);
      if (failure !== undefined) throw failure.error;
    }
    await Promise.all(running);
    if (failure !== undefined) throw failure.error;
    const { lastModified } = await blob.commitBlockList(ids, blobOptions(job));
    return { size, modifiedAt: lastModified ?? new Date() };
  } catch (error) {
    failed.abort();
    await Promise.allSettled(running);
    throw error;
  }
}

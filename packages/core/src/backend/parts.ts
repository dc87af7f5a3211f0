// A put's body cut into the parts in which stores take large objects.
import { throwIfAborted } from "./abort.ts";
import { bodyChunks } from "./body.ts";
import type { PutBody } from "./client.ts";

/**
 * The chunks gathered to parts of exactly `sizeOf(n)` bytes (n from 0), the last one shorter; an empty body gives none. Each
 * part is memory of its own, so it may be kept while the next is gathered.
 */
export async function* gatherParts(
  chunks: AsyncIterable<Uint8Array>,
  sizeOf: (part: number) => number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let number = 0;
  let part = new Uint8Array(0);
  let filled = 0;
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.byteLength) {
      const size = sizeOf(number);
      const bytes = Math.min(chunk.byteLength - at, size - filled);
      part = withRoom(part, filled, filled + bytes, size);
      part.set(chunk.subarray(at, at + bytes), filled);
      filled += bytes;
      at += bytes;
      if (filled === size) {
        const full = part.subarray(0, filled);
        part = new Uint8Array(0);
        filled = 0;
        number += 1;
        yield full;
      }
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

/** Doubles, so that a small body takes little and a large one is not copied often. */
function withRoom(
  part: Uint8Array<ArrayBuffer>,
  filled: number,
  needed: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  if (needed <= part.byteLength) return part;
  const larger = new Uint8Array(Math.min(size, Math.max(needed, part.byteLength * 2)));
  larger.set(part.subarray(0, filled));
  return larger;
}

/** How an object is stored: at once if it fits into one part, else in parts that become visible together. */
export interface PartedUpload<T> {
  /** Bytes of part n, from 0. */
  readonly sizeOf: (part: number) => number;
  readonly whole: (body: Uint8Array) => Promise<T>;
  readonly inParts: (parts: AsyncIterable<Uint8Array>) => Promise<T>;
}

/** What a put was given. */
export interface UploadSource {
  readonly body: PutBody;
  /** Of the object, for errors. */
  readonly key: string;
  readonly signal: AbortSignal | undefined;
}

/** Takes one of the two ways, without knowing the length beforehand. Fails as `bodyChunks` does, or as the way taken. */
export async function uploadParted<T>({ body, key, signal }: UploadSource, upload: PartedUpload<T>): Promise<T> {
  throwIfAborted(signal, "put", key);
  // Nearly every segment: not copied once more.
  if (body instanceof Uint8Array && body.byteLength <= upload.sizeOf(0)) return upload.whole(body);
  const parts = gatherParts(bodyChunks(body, key, signal), upload.sizeOf);
  try {
    // Taken out of this array one by one: a variable would keep the first two in memory to the end.
    const begun: Uint8Array[] = [];
    while (begun.length < 2 && (begun[0]?.byteLength ?? 0) % upload.sizeOf(0) === 0) {
      const next = await parts.next();
      if (next.done === true) break;
      begun.push(next.value);
    }
    return await (begun.length < 2
      ? upload.whole(begun[0] ?? new Uint8Array(0))
      : upload.inParts(resumed(begun, parts)));
  } finally {
    await parts.return();
  }
}

async function* resumed(first: Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let part = first.shift(); part !== undefined; part = first.shift()) yield part;
  yield* rest;
}

export interface PartSending {
  /** Parts under way at the same time; one more is in memory, being gathered. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
  /** Sends part n, from 0. Its signal also fires when another part failed. */
  readonly send: (part: Uint8Array, number: number, signal: AbortSignal) => Promise<void>;
}

/** Sends all parts; resolves with their bytes in all. Rejects with the first failure, once none is under way any more. */
export async function sendParts(
  parts: AsyncIterable<Uint8Array>,
  { atOnce, signal, send }: PartSending,
): Promise<number> {
  const failed = new AbortController();
  const own = AbortSignal.any([signal, failed.signal]);
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let bytes = 0;
  let number = 0;
  const start = async (part: Uint8Array): Promise<void> => {
    try {
      await send(part, number++, own);
    } catch (error) {
      failure ??= { error };
    }
  };
  try {
    for await (const part of parts) {
      bytes += part.byteLength;
      const work: Promise<void> = start(part).finally(() => running.delete(work));
      running.add(work);
      if (running.size >= atOnce) await Promise.race(running);
      if (failure !== undefined) throw failure.error;
    }
    await Promise.all(running);
    if (failure !== undefined) throw failure.error;
    return bytes;
  } catch (error) {
    failed.abort();
    await Promise.all(running);
    throw error;
  }
}

// Decodes stored objects, off the main thread where there is enough to decode that starting threads pays.
import { availableParallelism } from "node:os";
import { letGo } from "../codec/let-go.ts";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";
import { BATCH_BYTES, type Decoding, DecodeThread } from "./decode-thread.ts";
import { type CopiedObject, type CopyTarget, ObjectCopy } from "./object-copy.ts";
import type { DecodedPiece } from "./piecewise-decoder.ts";
import { PlainBuffer } from "./plain-buffer.ts";

/** A thread takes some 40 ms of CPU to start and 20 MB; for less than this much it is not worth it. Bytes as stored. */
const WORTH_THREAD_BYTES = 8 << 20;
/** An object this small is decoded in place: a message to a thread costs more. */
const SMALL_BYTES = 256 << 10;

/** One object on its way; the payloads of its skippable frames are whole before the first of its plain bytes. */
export interface DecodedObject {
  /** What may be read before its turn comes: bytes as stored, or plain where a thread decodes them. */
  readonly ahead: AsyncIterable<Uint8Array>;
  /**
   * Takes what came of `ahead` and hands out plain bytes, which hold during the call of `take` only. Throws `Lz4Error` for
   * anything that is not exactly one whole frame.
   */
  read(ahead: AsyncIterable<Uint8Array>, take: (plain: Uint8Array) => void): Promise<void>;
  /** Valid once `take` was called or `read` came to its end. */
  skippable(): readonly Uint8Array[];
}

export class ObjectDecoder implements AsyncDisposable {
  readonly #threads: DecodeThread[] = [];
  readonly #limit: number;
  /** Those that are not in use. */
  readonly #buffers: PlainBuffer[] = [];
  #next = 0;
  /** What threads were asked to decode; of each object as much as one thread is worth. */
  #wanted = 0;

  /** `totalBytes` is the stored size of all objects to come. */
  constructor(totalBytes: number) {
    this.#limit = totalBytes < WORTH_THREAD_BYTES ? 0 : Math.min(4, availableParallelism());
  }

  decode(stored: AsyncIterable<Uint8Array>, size: number): DecodedObject {
    const thread = this.#threadFor(size);
    return thread === undefined ? decodedHere(stored, this.#buffers) : decodedBy(thread, stored);
  }

  /** Writes the plain bytes of an object into a file, from its first byte on. Throws `Lz4Error`, or the disk's error. */
  async copy(stored: AsyncIterable<Uint8Array>, size: number, target: CopyTarget): Promise<CopiedObject> {
    const thread = this.#threadFor(size);
    if (thread !== undefined) return thread.copy(stored, target);
    const copying = new ObjectCopy(target);
    for await (const chunk of stored) copying.push(chunk);
    return copying.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #threadFor(size: number): DecodeThread | undefined {
    if (this.#limit === 0 || size <= SMALL_BYTES) return undefined;
    this.#wanted += Math.min(size, WORTH_THREAD_BYTES);
    const count = Math.min(this.#limit, Math.floor(this.#wanted / WORTH_THREAD_BYTES));
    if (this.#threads.length < count) this.#threads.push(new DecodeThread());
    return this.#threads.length === 0 ? undefined : this.#threads[this.#next++ % this.#threads.length];
  }
}

function decodedHere(ahead: AsyncIterable<Uint8Array>, buffers: PlainBuffer[]): DecodedObject {
  const decoder = new Lz4FrameDecoder();
  return {
    ahead,
    async read(stored, take) {
      const buffer = buffers.pop() ?? new PlainBuffer();
      try {
        for await (const chunk of stored) decoder.pushTo(chunk, (plain) => buffer.add(plain, take));
        decoder.end();
        buffer.flush(take);
      } finally {
        buffer.clear();
        buffers.push(buffer);
      }
    },
    skippable: () => decoder.skippable,
  };
}

function decodedBy(thread: DecodeThread, stored: AsyncIterable<Uint8Array>): DecodedObject {
  const decoding = thread.open();
  return {
    ahead: decodeAll(stored, decoding),
    async read(plain, take) {
      for await (const piece of plain) {
        take(piece);
        letGo(piece);
      }
    },
    skippable: () => decoding.skippable,
  };
}

async function* decodeAll(stored: AsyncIterable<Uint8Array>, decoding: Decoding): AsyncGenerator<Uint8Array> {
  try {
    // Few large pushes: the decoder joins what it is given until a block is whole. One is under way while its
    // predecessor's bytes are read.
    let ahead: Promise<DecodedPiece> | undefined;
    for await (const batch of batches(stored)) {
      let piece = await ahead;
      for (; piece?.more === true; piece = await decoding.rest()) yield* piece.parts;
      ahead = decoding.push(batch);
      // Looked at when its turn comes; until then a failure is nobody's.
      ahead.catch(() => {});
      if (piece !== undefined) yield* piece.parts;
    }
    let last = await ahead;
    for (; last?.more === true; last = await decoding.rest()) yield* last.parts;
    if (last !== undefined) yield* last.parts;
    await decoding.end();
  } finally {
    decoding.close();
  }
}

// Fresh arrays, so that they can be handed to another thread.
async function* batches(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stored) {
    parts.push(chunk);
    bytes += chunk.byteLength;
    if (bytes < BATCH_BYTES) continue;
    yield join(parts, bytes);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield join(parts, bytes);
}

function join(parts: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.byteLength;
  }
  return joined;
}

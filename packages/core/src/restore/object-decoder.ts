// Decodes stored objects, off the main thread where there is enough to decode that starting threads pays.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { letGo } from "../codec/let-go.ts";
import { Lz4Error } from "../codec/lz4-error.ts";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";
import type { DecodeAnswer, DecodeFailure, DecodeRequest } from "./decode-worker.ts";
import { LitewakeError } from "../errors.ts";
import { type CopiedObject, type CopyTarget, ObjectCopy } from "./object-copy.ts";
import type { DecodedPiece } from "./piecewise-decoder.ts";
import { PlainBuffer } from "./plain-buffer.ts";

/** A thread takes some 40 ms of CPU to start and 20 MB; for less than this much it is not worth it. Bytes as stored. */
const WORTH_THREAD_BYTES = 8 << 20;
/** An object this small is decoded in place: a message to a thread costs more. */
const SMALL_BYTES = 256 << 10;
const BATCH_BYTES = 1 << 20;
/** Batches on their way to the thread that copies: one is worked on, the others wait. */
const SLOTS = 4;

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

/** An object that a thread decodes. */
interface Decoding {
  push(chunk: Uint8Array): Promise<DecodedPiece>;
  /** After a piece that said that there is more. */
  rest(): Promise<DecodedPiece>;
  end(): Promise<void>;
  readonly skippable: readonly Uint8Array[];
  close(): void;
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

interface Waiting {
  readonly resolve: (answer: DecodeAnswer) => void;
  readonly reject: (error: Error) => void;
}

class DecodeThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting[]>();
  #streams = 0;
  #failed: Error | undefined;

  constructor() {
    const file = import.meta.url.endsWith(".ts") ? "./decode-worker.ts" : "./decode-worker.js";
    this.#worker = new Worker(new URL(file, import.meta.url));
    this.#worker.unref();
    this.#worker.on("message", (answer: DecodeAnswer) => {
      // Answers come in the order of the questions.
      this.#waiting.get(answer.stream)?.shift()?.resolve(answer);
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the decoding thread ended")));
  }

  open(): Decoding {
    const stream = this.#streams++;
    let skippable: readonly Uint8Array[] = [];
    const ask = async (
      request: { readonly chunk: Uint8Array | undefined } | { readonly rest: true },
      transfer: readonly ArrayBuffer[] = [],
    ): Promise<DecodedPiece> => {
      const answer = await this.#ask({ stream, ...request }, transfer);
      if (answer.skippable.length > 0) skippable = answer.skippable;
      return answer;
    };
    return {
      push: (chunk) => ask({ chunk }, [(chunk as Uint8Array<ArrayBuffer>).buffer]),
      rest: () => ask({ rest: true }),
      end: async () => void (await ask({ chunk: undefined })),
      get skippable() {
        return skippable;
      },
      close: () => this.#worker.postMessage({ stream, close: true } satisfies DecodeRequest),
    };
  }

  /** Batches go through memory that both threads see, and that is used again and again. */
  async copy(stored: AsyncIterable<Uint8Array>, target: CopyTarget): Promise<CopiedObject> {
    const stream = this.#streams++;
    const slots = Array.from({ length: SLOTS }, () => new Slot());
    try {
      let at = 0;
      for await (const chunk of stored) {
        for (let rest = chunk; rest.byteLength > 0;) {
          const slot = slots[at % SLOTS] ?? new Slot();
          await slot.free;
          rest = slot.fill(rest);
          if (!slot.isFull) break;
          slot.send((bytes) => this.#ask({ stream, chunk: bytes, target }));
          at += 1;
        }
      }
      slots[at % SLOTS]?.send((bytes) => this.#ask({ stream, chunk: bytes, target }));
      for (const slot of slots) await slot.free;
      const { copied } = await this.#ask({ stream, chunk: undefined, target });
      if (copied === undefined) throw new Error("the decoding thread gave no answer");
      return copied;
    } finally {
      // What is under way still writes into the file, which must not be closed before.
      await Promise.allSettled(slots.map((slot) => slot.free));
      this.#worker.postMessage({ stream, close: true } satisfies DecodeRequest);
    }
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async #ask(
    request: Exclude<DecodeRequest, { close: true }>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<DecodeAnswer> {
    const answer = await new Promise<DecodeAnswer>((resolve, reject) => {
      if (this.#failed !== undefined) return reject(this.#failed);
      const waiting = this.#waiting.get(request.stream) ?? [];
      this.#waiting.set(request.stream, waiting);
      waiting.push({ resolve, reject });
      this.#worker.postMessage(request, [...transfer]);
    });
    if (answer.error !== undefined) throw errorOf(answer.error);
    return answer;
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    for (const waiting of this.#waiting.values()) for (const { reject } of waiting) reject(this.#failed);
    this.#waiting.clear();
  }
}

function errorOf(failure: DecodeFailure): Error {
  if ("damaged" in failure) return new LitewakeError("damaged", failure.damaged);
  if ("errno" in failure) {
    const { errno, syscall, message } = failure;
    return Object.assign(new Error(message), { code: errno, ...(syscall === undefined ? {} : { syscall }) });
  }
  return new Lz4Error(failure.code, failure.offset, failure.what);
}

/** Memory for one batch. */
class Slot {
  /** Resolves when it may be filled; rejects when what was sent last could not be taken. */
  free: Promise<unknown> = Promise.resolve();
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(BATCH_BYTES));
  #filled = 0;

  get isFull(): boolean {
    return this.#filled === BATCH_BYTES;
  }

  /** Takes as much as there is room for, and answers the rest. */
  fill(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, BATCH_BYTES - this.#filled);
    this.#bytes.set(part, this.#filled);
    this.#filled += part.byteLength;
    return chunk.subarray(part.byteLength);
  }

  send(post: (bytes: Uint8Array) => Promise<unknown>): void {
    if (this.#filled === 0) return;
    this.free = post(this.#bytes.subarray(0, this.#filled));
    // Looked at when its turn comes; until then a failure is nobody's.
    this.free.catch(() => {});
    this.#filled = 0;
  }
}

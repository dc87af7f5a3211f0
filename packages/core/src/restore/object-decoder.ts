// Decodes stored objects, off the main thread where there is enough to decode that starting threads pays.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";
import { Lz4Error } from "../codec/lz4-error.ts";
import type { DecodeAnswer, DecodeRequest } from "./decode-worker.ts";

/** A worker starts in some 40 ms; below this much there is nothing to gain. Bytes as stored. */
const WORTH_THREADS_BYTES = 8 << 20;
/** An object this small is decoded in place: a message to a worker costs more. */
const SMALL_BYTES = 64 << 10;
const BATCH_BYTES = 1 << 20;

/** The plain bytes of one object; the payloads of its skippable frames are whole before the first of them. */
export interface DecodedObject {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Valid once `chunks` gave something or came to its end. */
  skippable(): readonly Uint8Array[];
}

interface Decoding {
  push(chunk: Uint8Array): Promise<readonly Uint8Array[]>;
  end(): Promise<void>;
  readonly skippable: readonly Uint8Array[];
  close(): void;
}

/** Throws `Lz4Error` out of `chunks` for anything that is not exactly one whole frame. */
export class ObjectDecoder implements AsyncDisposable {
  readonly #threads: DecodeThread[] = [];
  readonly #limit: number;
  #next = 0;

  /** `totalBytes` is the stored size of all objects to come. */
  constructor(totalBytes: number) {
    this.#limit = totalBytes < WORTH_THREADS_BYTES ? 0 : Math.min(4, availableParallelism());
  }

  decode(stored: AsyncIterable<Uint8Array>, size: number): DecodedObject {
    let decoding: Decoding | undefined;
    const open = (): Decoding => (decoding ??= this.#open(size));
    return { chunks: decodeAll(stored, open), skippable: () => decoding?.skippable ?? [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #open(size: number): Decoding {
    if (this.#limit === 0 || size <= SMALL_BYTES) return new DecodingHere();
    const at = this.#next++ % this.#limit;
    const thread = (this.#threads[at] ??= new DecodeThread());
    return thread.open();
  }
}

async function* decodeAll(stored: AsyncIterable<Uint8Array>, open: () => Decoding): AsyncGenerator<Uint8Array> {
  const decoding = open();
  try {
    // Few large pushes: the decoder joins what it is given until a block is whole. One is under way while its
    // predecessor's bytes are read.
    let ahead: Promise<readonly Uint8Array[]> | undefined;
    for await (const batch of batches(stored)) {
      const parts = await ahead;
      ahead = decoding.push(batch);
      // Looked at when its turn comes; until then a failure is nobody's.
      ahead.catch(() => {});
      if (parts !== undefined) yield* parts;
    }
    if (ahead !== undefined) yield* await ahead;
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

class DecodingHere implements Decoding {
  readonly #decoder = new Lz4FrameDecoder();

  get skippable(): readonly Uint8Array[] {
    return this.#decoder.skippable;
  }

  async push(chunk: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#decoder.push(chunk);
  }

  async end(): Promise<void> {
    this.#decoder.end();
  }

  close(): void {}
}

interface Waiting {
  readonly resolve: (answer: DecodeAnswer) => void;
  readonly reject: (error: Error) => void;
}

class DecodeThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #streams = 0;
  #failed: Error | undefined;

  constructor() {
    const file = import.meta.url.endsWith(".ts") ? "./decode-worker.ts" : "./decode-worker.js";
    this.#worker = new Worker(new URL(file, import.meta.url));
    this.#worker.unref();
    this.#worker.on("message", (answer: DecodeAnswer) => {
      const waiting = this.#waiting.get(answer.stream);
      this.#waiting.delete(answer.stream);
      waiting?.resolve(answer);
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the decoding thread ended")));
  }

  open(): Decoding {
    const stream = this.#streams++;
    let skippable: readonly Uint8Array[] = [];
    const ask = async (chunk: Uint8Array<ArrayBuffer> | undefined): Promise<readonly Uint8Array[]> => {
      const answer = await this.#ask({ stream, chunk });
      if (answer.error !== undefined) throw new Lz4Error(answer.error.code, answer.error.offset, answer.error.what);
      if (answer.skippable.length > 0) skippable = answer.skippable;
      return answer.parts;
    };
    return {
      push: (chunk) => ask(chunk as Uint8Array<ArrayBuffer>),
      end: async () => void (await ask(undefined)),
      get skippable() {
        return skippable;
      },
      close: () => this.#worker.postMessage({ stream, close: true } satisfies DecodeRequest),
    };
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(request: { stream: number; chunk: Uint8Array<ArrayBuffer> | undefined }): Promise<DecodeAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#failed !== undefined) return reject(this.#failed);
      this.#waiting.set(request.stream, { resolve, reject });
      this.#worker.postMessage(
        request satisfies DecodeRequest,
        request.chunk === undefined ? [] : [request.chunk.buffer],
      );
    });
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failed);
    this.#waiting.clear();
  }
}

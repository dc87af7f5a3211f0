// A thread that decodes: what is asked of it, and the memory in which large objects go there.
import { Worker } from "node:worker_threads";
import { Lz4Error } from "../codec/lz4-error.ts";
import { LitewakeError } from "../errors.ts";
import type { DecodeAnswer, DecodeFailure, DecodeRequest } from "./decode-worker.ts";
import type { CopiedObject, CopyTarget } from "./object-copy.ts";
import type { DecodedPiece } from "./piecewise-decoder.ts";

/** Stored bytes of one batch. */
export const BATCH_BYTES: number = 1 << 20;
/** Batches on their way to the thread that copies: one is worked on, the others wait. */
const SLOTS = 4;

/** An object that a thread decodes. */
export interface Decoding {
  push(chunk: Uint8Array): Promise<DecodedPiece>;
  /** After a piece that said that there is more. */
  rest(): Promise<DecodedPiece>;
  end(): Promise<void>;
  readonly skippable: readonly Uint8Array[];
  close(): void;
}

interface Waiting {
  readonly resolve: (answer: DecodeAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class DecodeThread {
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

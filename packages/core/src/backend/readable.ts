// A vendor's response body as the stream of a get: ends at once on abort, never hangs, lets go of its connection.
import type { Readable } from "node:stream";
import { abortedError } from "./abort.ts";
import type { ByteStream } from "./client.ts";
import { ReplicaError } from "./error.ts";

const STALL_MS = 20_000;

export interface ReadableOptions {
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  /** A failure of the readable as the replica's error. */
  readonly toError: (error: unknown) => ReplicaError;
  /** So many bytes must come, or the connection was cut; undefined where that is not known. */
  readonly expectedBytes?: number | undefined;
  /** So long the store may give nothing while somebody waits. Default 20,000. */
  readonly stallMs?: number;
}

/** The readable's chunks. Leaving early, an abort, a stall of `stallMs` and `close()` of the client destroy it. */
export function readableBytes(readable: Readable, options: ReadableOptions): ByteStream {
  return new ReadableBytes(readable, options);
}

class ReadableBytes implements AsyncIterableIterator<Uint8Array> {
  readonly #readable: Readable;
  readonly #options: ReadableOptions;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #received = 0;
  #failure: ReplicaError | undefined;
  #done = false;

  constructor(readable: Readable, options: ReadableOptions) {
    this.#readable = readable;
    this.#options = options;
    // A destroyed response reports it although nobody reads any more.
    readable.on("error", () => {});
    this.#chunks = readable[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted === true) this.#onAbort();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#done) return { done: true, value: undefined };
    const timer = setTimeout(this.#onStall, this.#options.stallMs ?? STALL_MS);
    try {
      const next = await this.#chunks.next();
      if (this.#failure !== undefined) throw this.#failure;
      if (next.done !== true) {
        this.#received += next.value.byteLength;
        return next;
      }
      this.#end();
      this.#checkLength();
      return { done: true, value: undefined };
    } catch (error) {
      this.#end();
      this.#failure ??= this.#options.toError(error);
      throw this.#failure;
    } finally {
      clearTimeout(timer);
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#end();
    this.#readable.destroy();
    return { done: true, value: undefined };
  }

  readonly #onAbort = (): void => this.#fail(abortedError("get", this.#options.key, this.#options.signal?.reason));

  readonly #onStall = (): void =>
    this.#fail(this.#broken(`the store sent nothing for ${(this.#options.stallMs ?? STALL_MS) / 1000} s`));

  #fail(error: ReplicaError): void {
    this.#failure ??= error;
    this.#end();
    this.#readable.destroy();
  }

  #checkLength(): void {
    const { expectedBytes } = this.#options;
    if (expectedBytes === undefined || this.#received === expectedBytes) return;
    throw this.#broken(`the store sent ${this.#received} bytes of ${expectedBytes}`);
  }

  #broken(reason: string): ReplicaError {
    return new ReplicaError({ code: "Unavailable", operation: "get", key: this.#options.key, reason });
  }

  #end(): void {
    this.#done = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

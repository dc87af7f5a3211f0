// The thread that decodes LZ4 frames for `ObjectDecoder`: several objects at a time, one message a chunk.
import { parentPort } from "node:worker_threads";
import { Lz4Error, type Lz4ErrorCode } from "../codec/lz4-error.ts";
import { LitewakeError } from "../errors.ts";
import { type CopiedObject, type CopyTarget, ObjectCopy } from "./object-copy.ts";
import { PiecewiseDecoder } from "./piecewise-decoder.ts";

/** The next chunk of an object, its end (`chunk` is undefined), or that nobody wants more of it. */
export type DecodeRequest =
  | {
      readonly stream: number;
      /** Valid until the answer. */
      readonly chunk: Uint8Array | undefined;
      /** The plain bytes go there, and not back. */
      readonly target?: CopyTarget;
    }
  /** What is still to come of the last chunk. */
  | { readonly stream: number; readonly rest: true }
  | { readonly stream: number; readonly close: true };

/** An error's own class does not survive the way between threads. */
export type DecodeFailure =
  | { readonly code: Lz4ErrorCode; readonly offset: number; readonly what: string }
  | { readonly damaged: string }
  | { readonly errno: string; readonly syscall: string | undefined; readonly message: string };

export interface DecodeAnswer {
  readonly stream: number;
  readonly parts: readonly Uint8Array[];
  /** The chunk holds more, to be asked for by `rest`. */
  readonly more: boolean;
  readonly skippable: readonly Uint8Array[];
  /** At the end of an object that went to a target. */
  readonly copied?: CopiedObject;
  readonly error: DecodeFailure | undefined;
}

const decoders = new Map<number, PiecewiseDecoder>();
const copies = new Map<number, ObjectCopy>();
const port = parentPort;

port?.on("message", (request: DecodeRequest) => {
  if ("close" in request) {
    decoders.delete(request.stream);
    copies.delete(request.stream);
    return;
  }
  const { stream } = request;
  let answer: DecodeAnswer;
  try {
    answer =
      "chunk" in request && request.target !== undefined
        ? copy(stream, request.chunk, request.target)
        : decode(request);
  } catch (error) {
    answer = { stream, parts: [], more: false, skippable: [], error: failureOf(error) };
  }
  const buffers = new Set<ArrayBuffer>();
  for (const part of answer.parts) if (part.buffer instanceof ArrayBuffer) buffers.add(part.buffer);
  port.postMessage(answer, [...buffers]);
});

function decode(request: Exclude<DecodeRequest, { close: true }>): DecodeAnswer {
  const { stream } = request;
  let decoder = decoders.get(stream);
  if (decoder === undefined) decoders.set(stream, (decoder = new PiecewiseDecoder()));
  const decoded =
    "rest" in request ? decoder.rest() : request.chunk === undefined ? decoder.end() : decoder.push(request.chunk);
  const { more } = decoded;
  return { stream, parts: decoded.parts.map(detachable), more, skippable: decoder.skippable, error: undefined };
}

function copy(stream: number, chunk: Uint8Array | undefined, target: CopyTarget): DecodeAnswer {
  let copying = copies.get(stream);
  if (copying === undefined) copies.set(stream, (copying = new ObjectCopy(target)));
  const answer = { stream, parts: [], more: false, skippable: [], error: undefined };
  if (chunk === undefined) return { ...answer, copied: copying.end() };
  copying.push(chunk);
  return answer;
}

function failureOf(error: unknown): DecodeFailure {
  if (error instanceof Lz4Error) {
    const { code, offset, message } = error;
    return { code, offset, what: message.replace(/ at byte \d+$/, "") };
  }
  if (error instanceof LitewakeError && error.kind === "damaged") return { damaged: error.message };
  if (error instanceof Error && "code" in error) {
    // What names a call is a failure of the disk, and is told as one.
    const syscall = "syscall" in error ? String(error.syscall) : undefined;
    return { errno: String(error.code), syscall, message: error.message };
  }
  throw error;
}

// A part that shares its memory with another cannot be handed over.
function detachable(part: Uint8Array): Uint8Array {
  return part.byteLength === part.buffer.byteLength ? part : Uint8Array.from(part);
}

// The thread that decodes LZ4 frames for `ObjectDecoder`: several objects at a time, one message a chunk.
import { parentPort } from "node:worker_threads";
import { Lz4Error, type Lz4ErrorCode } from "../codec/lz4-error.ts";
import { Lz4FrameDecoder } from "../codec/lz4-frame.ts";

/** The next chunk of an object, its end (`chunk` is undefined), or that nobody wants more of it. */
export type DecodeRequest =
  | { readonly stream: number; readonly chunk: Uint8Array<ArrayBuffer> | undefined }
  | { readonly stream: number; readonly close: true };

export interface DecodeAnswer {
  readonly stream: number;
  readonly parts: readonly Uint8Array[];
  readonly skippable: readonly Uint8Array[];
  readonly error: { readonly code: Lz4ErrorCode; readonly offset: number; readonly what: string } | undefined;
}

const decoders = new Map<number, Lz4FrameDecoder>();
const port = parentPort;

port?.on("message", (request: DecodeRequest) => {
  if ("close" in request) {
    decoders.delete(request.stream);
    return;
  }
  const answer = take(request.stream, request.chunk);
  const buffers = new Set<ArrayBuffer>();
  for (const part of answer.parts) if (part.buffer instanceof ArrayBuffer) buffers.add(part.buffer);
  port.postMessage(answer, [...buffers]);
});

function take(stream: number, chunk: Uint8Array | undefined): DecodeAnswer {
  let decoder = decoders.get(stream);
  if (decoder === undefined) decoders.set(stream, (decoder = new Lz4FrameDecoder()));
  try {
    const parts = chunk === undefined ? [] : decoder.push(chunk).map(detachable);
    if (chunk === undefined) decoder.end();
    return { stream, parts, skippable: decoder.skippable, error: undefined };
  } catch (error) {
    if (!(error instanceof Lz4Error)) throw error;
    const { code, offset, message } = error;
    return { stream, parts: [], skippable: [], error: { code, offset, what: message.replace(/ at byte \d+$/, "") } };
  }
}

// A part that shares its memory with another cannot be handed over.
function detachable(part: Uint8Array): Uint8Array {
  return part.byteLength === part.buffer.byteLength ? part : Uint8Array.from(part);
}

// The stored form of what is shipped: a proof where there is one, then one LZ4 frame.
import { letGo } from "../codec/let-go.ts";
import { Lz4FrameEncoder } from "../codec/lz4-frame.ts";

/** Up to so many stored bytes a body is held in memory, so that it goes out as one plain request. */
const IN_MEMORY_BYTES = 8 << 20;
/** What is smaller may lie in a buffer that it shares. */
const OWN_BUFFER_BYTES = 64 << 10;

/** Compresses `plain` behind `head`. Small results are bytes, large ones a stream that is produced as it is read. */
export async function storedBody(
  head: readonly Uint8Array[],
  plain: AsyncIterable<Uint8Array>,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  return inMemoryWhereSmall(compressed(head, plain));
}

/** The body as bytes if they are few, else as a stream. Each part must be fresh memory. */
export async function inMemoryWhereSmall(
  stored: AsyncGenerator<Uint8Array>,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < IN_MEMORY_BYTES) {
    const part = await stored.next();
    if (part.done === true) return joined(parts);
    parts.push(part.value);
    bytes += part.value.byteLength;
  }
  return resumed(parts, stored);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.concat(parts);
  for (const part of parts) if (part.byteLength >= OWN_BUFFER_BYTES) letGo(part);
  return whole;
}

export async function* compressed(
  head: readonly Uint8Array[],
  plain: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const encoder = new Lz4FrameEncoder();
  yield* head;
  for await (const chunk of plain) yield* encoder.update(chunk);
  yield* encoder.end();
}

async function* resumed(parts: readonly Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* parts;
  yield* rest;
}

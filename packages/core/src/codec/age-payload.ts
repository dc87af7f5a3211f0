// The payload of an age file (C2SP, "age", STREAM): chunks of 64 KiB, each sealed by ChaCha20-Poly1305 under its number, so that
// none can be changed, moved or left out, and any can be opened by itself. Node's own cipher: the library's in JavaScript takes
// six to eight times as long (one core: 107 to 146 MB/s against 660 to 1,014).
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { AgeDamage } from "./age-error.ts";
import { ByteQueue } from "./byte-queue.ts";

/** Between header and chunks. */
export const NONCE_BYTES = 16;
/** Of plain bytes. */
export const CHUNK_BYTES: number = 64 << 10;
const TAG_BYTES = 16;
export const SEALED_CHUNK_BYTES: number = CHUNK_BYTES + TAG_BYTES;
const ALGORITHM = "chacha20-poly1305";
const KEY_BYTES = 32;

/** The key of a file's chunks. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", fileKey, nonce, "payload", KEY_BYTES));
}

/** Bytes of a payload, without its nonce, for so many plain ones. */
export function sealedBytes(plain: number): number {
  return plain + TAG_BYTES * Math.max(1, Math.ceil(plain / CHUNK_BYTES));
}

/** The plain bytes in a payload of so many, without its nonce; 0 for what can be none. */
export function openedBytes(sealed: number): number {
  return Math.max(0, sealed - TAG_BYTES * Math.max(1, Math.ceil(sealed / SEALED_CHUNK_BYTES)));
}

function nonceOf(chunk: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(chunk, 5, 6);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}

/** Writes the sealed chunk into `into` at `at`. */
function seal(key: Uint8Array, chunk: number, last: boolean, plain: Uint8Array, into: Buffer, at: number): void {
  const cipher = createCipheriv(ALGORITHM, key, nonceOf(chunk, last), { authTagLength: TAG_BYTES });
  into.set(cipher.update(plain), at);
  cipher.final();
  into.set(cipher.getAuthTag(), at + plain.byteLength);
}

function open(key: Uint8Array, chunk: number, last: boolean, sealed: Uint8Array): Buffer | undefined {
  if (sealed.byteLength < TAG_BYTES) return undefined;
  const cipher = createDecipheriv(ALGORITHM, key, nonceOf(chunk, last), { authTagLength: TAG_BYTES });
  cipher.setAuthTag(sealed.subarray(sealed.byteLength - TAG_BYTES));
  const plain = cipher.update(sealed.subarray(0, sealed.byteLength - TAG_BYTES));
  try {
    cipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** The sealed form of bytes that are at hand. */
export function sealedWhole(key: Uint8Array, plain: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(sealedBytes(plain.byteLength));
  const chunks = Math.max(1, Math.ceil(plain.byteLength / CHUNK_BYTES));
  for (let chunk = 0; chunk < chunks; chunk++) {
    const bytes = plain.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
    seal(key, chunk, chunk === chunks - 1, bytes, sealed, chunk * SEALED_CHUNK_BYTES);
  }
  return sealed;
}

/** The sealed form of a stream. A chunk given may be used again when the next one is asked for; those yielded stay. */
export async function* sealedStream(key: Uint8Array, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const pending = Buffer.allocUnsafe(CHUNK_BYTES);
  let filled = 0;
  let chunk = 0;
  for await (const given of plain) {
    for (let rest = given; rest.byteLength > 0;) {
      // Whether a chunk is the last one is known only when there is a byte after it.
      if (filled === CHUNK_BYTES) {
        yield sealedChunk(key, chunk++, false, pending);
        filled = 0;
      }
      const part = rest.subarray(0, CHUNK_BYTES - filled);
      pending.set(part, filled);
      filled += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
  }
  yield sealedChunk(key, chunk, true, pending.subarray(0, filled));
}

function sealedChunk(key: Uint8Array, chunk: number, last: boolean, plain: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(plain.byteLength + TAG_BYTES);
  seal(key, chunk, last, plain, sealed, 0);
  return sealed;
}

/** Which chunks a stream of sealed bytes holds. */
export interface ChunkRange {
  readonly first: number;
  /** Infinity: all up to the file's end. */
  readonly last: number;
}

/**
 * The plain bytes of the chunks that `sealed` gives, the file ending where it ends or after `last`. Yields nothing where the
 * file ends before `first`. Throws `AgeDamage` for anything that was not sealed so and there; what was yielded before stands.
 */
export async function* openedStream(
  key: Uint8Array,
  sealed: ByteQueue,
  { first, last }: ChunkRange,
): AsyncGenerator<Uint8Array> {
  for (let chunk = first; ; chunk++) {
    const isMore = await sealed.fill(SEALED_CHUNK_BYTES + 1);
    const bytes = sealed.take(Math.min(sealed.bytes, SEALED_CHUNK_BYTES));
    if (isMore) {
      yield opened(open(key, chunk, false, bytes), chunk, bytes.byteLength);
      continue;
    }
    if (bytes.byteLength === 0 && chunk === first && first > 0) return;
    const final = open(key, chunk, true, bytes);
    if (final === undefined) {
      // The file goes on, only no more of it was asked for.
      const inner =
        chunk === last && bytes.byteLength === SEALED_CHUNK_BYTES ? open(key, chunk, false, bytes) : undefined;
      yield opened(inner, chunk, bytes.byteLength);
    } else if (final.byteLength === 0 && chunk > 0) {
      throw new AgeDamage(`chunk ${chunk} is empty`);
    } else if (final.byteLength > 0) {
      yield final;
    }
    return;
  }
}

function opened(plain: Buffer | undefined, chunk: number, bytes: number): Buffer {
  if (plain !== undefined) return plain;
  if (bytes === 0) throw new AgeDamage(`it ends before chunk ${chunk}`);
  throw new AgeDamage(`chunk ${chunk} was changed, or the file was cut there`);
}

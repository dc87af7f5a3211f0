// The text in a stored segment, for finding marks in it.
import { decompressAll } from "../../../packages/core/src/codec/lz4-stream.ts";

/** Bytes as characters of one byte each. */
export function unpacked(bytes: Uint8Array): string {
  return Buffer.from(decompressAll(bytes)).toString("latin1");
}

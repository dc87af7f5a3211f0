// The header of an age file (C2SP, "age"): lines of text up to the one with the MAC. What is in between is the library's.

const MAGIC = Buffer.from("age-encryption.org/v1\n", "latin1");
const MAC_LINE = Buffer.from("\n--- ", "latin1");
const NEWLINE = 0x0a;

/** No header is longer: some 650 recipients. */
export const MAX_HEADER_BYTES: number = 64 << 10;
/** `-> X25519 <43>` and the wrapped file key, 43 characters of base64, each with its line's end. */
const STANZA_BYTES = 10 + 43 + 1 + 43 + 1;
/** `--- ` and the MAC, 43 characters of base64, with its line's end. */
const MAC_BYTES = 4 + 43 + 1;

/** Length of the header for so many X25519 recipients, which are all that Litestream 0.3.13 knows. */
export function headerBytes(recipients: number): number {
  return MAGIC.byteLength + recipients * STANZA_BYTES + MAC_BYTES;
}

/** What the first bytes of an object say. `more`: there are too few of them to tell. */
export type Beginning = "age" | "lz4" | "other" | "more";

// LZ4 frame format: the frame's magic, and those of skippable frames.
const LZ4 = 0x184d2204;
const SKIPPABLE = 0x184d2a50;

export function beginningOf(bytes: Uint8Array): Beginning {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, MAGIC.byteLength));
  if (head.equals(MAGIC.subarray(0, head.byteLength))) return head.byteLength === MAGIC.byteLength ? "age" : "more";
  if (head.byteLength < 4) return "more";
  const magic = head.readUInt32LE(0);
  return magic === LZ4 || (magic & 0xfffffff0) >>> 0 === SKIPPABLE ? "lz4" : "other";
}

/** Where the header ends, the MAC's line included; undefined while it is not all there. */
export function headerEnd(bytes: Uint8Array): number | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mac = text.indexOf(MAC_LINE);
  if (mac < 0) return undefined;
  const end = text.indexOf(NEWLINE, mac + MAC_LINE.byteLength);
  return end < 0 ? undefined : end + 1;
}

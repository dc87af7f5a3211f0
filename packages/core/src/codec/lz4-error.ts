// Why bytes are not one whole LZ4 frame.

export type Lz4ErrorCode =
  /** No byte at all. */
  | "empty"
  /** Neither a frame nor a skippable frame begins where one should. */
  | "bad-magic"
  /** A version or block size that the format does not define. */
  | "bad-header"
  | "reserved-bits"
  | "header-checksum"
  /** Legal, but not readable here: a dictionary is needed. */
  | "unsupported"
  /** The bytes end inside a part of the frame. */
  | "truncated"
  /** The bytes end after a whole block. */
  | "missing-end-mark"
  | "bad-block"
  /** Stored or decoded, a block is larger than the header allows. */
  | "block-too-large"
  | "block-checksum"
  | "content-checksum"
  | "content-size"
  /** A second frame follows: Litestream 0.3.13 would not have read it. */
  | "joined-frames"
  | "trailing-bytes"
  /** Skippable frames of more than 64 KiB in total. */
  | "skippable-too-large";

/** `offset` is where, in the stored bytes, the part begins that is at fault; for a cut: where the bytes end. */
export class Lz4Error extends Error {
  readonly code: Lz4ErrorCode;
  readonly offset: number;

  constructor(code: Lz4ErrorCode, offset: number, what: string) {
    super(`${what} at byte ${offset}`);
    this.name = "Lz4Error";
    this.code = code;
    this.offset = offset;
  }
}

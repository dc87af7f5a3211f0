// Why bytes are not one whole LZ4 frame.

export type Lz4ErrorCode =
  | "empty"
  | "bad-magic"
  | "bad-header"
  | "header-checksum"
  | "unsupported"
  | "truncated"
  | "bad-block"
  | "block-too-large"
  | "block-checksum"
  | "content-checksum"
  | "content-size"
  | "joined-frames"
  | "trailing-bytes"
  | "skippable-too-large";

/** `offset` is the place in the stored bytes at which the fault was found. */
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

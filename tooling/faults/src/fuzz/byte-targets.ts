// Bytes as a store gives them: LZ4 blocks and frames, WAL headers and frames, proofs.
import { compressBlock, decompressBlock } from "../../../../packages/core/src/codec/lz4-block.ts";
import { Lz4Error } from "../../../../packages/core/src/codec/lz4-error.ts";
import { encodeSkippableFrame, Lz4FrameDecoder } from "../../../../packages/core/src/codec/lz4-frame.ts";
import { compressAll, decompressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { decodeSegmentProof, decodeSnapshotProof, encodeProof } from "../../../../packages/core/src/replica/proof.ts";
import { FrameChain } from "../../../../packages/core/src/wal/frame-chain.ts";
import { encodeWalHeader, parseWalHeader, WAL_HEADER_BYTES } from "../../../../packages/core/src/wal/header.ts";
import { buildWal } from "../../../../packages/core/test/wal/wal-builder.ts";
import { referenceBlock } from "./reference-lz4.ts";
import { Broken, type FuzzTarget, proveRefusal, refusing } from "./target.ts";

const text = Buffer.from("the same again and again and the same again ".repeat(40));
const noise = Uint8Array.from({ length: 900 }, (_, n) => (n * n * 31 + n * 7) >> 3);
const BLOCK_MOST = 1 << 14;
const FRAME_WORDS = [
  "\x04\x22\x4d\x18",
  "\x50\x2a\x4d\x18",
  "\x64\x70\xb9",
  "\0\0\0\0",
  "\xff\xff\xff\xff",
  "\xff".repeat(20),
];

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The first byte says how much came before the block; no more than that may be reached. */
export const blocks: FuzzTarget = {
  name: "lz4-block",
  seeds: () =>
    [text, noise, Buffer.alloc(5000), Buffer.from("short")].flatMap((plain) => {
      const block = compressBlock(plain)?.slice() ?? plain;
      return [Buffer.concat([Buffer.of(0), block]), Buffer.concat([Buffer.of(200), block])];
    }),
  words: ["\xf0\xff\xff", "\x0f\x01\0", "\x1f\0\x01\0", "\xff\xff\xff\xff"],
  most: 3000,
  run(bytes) {
    const history = text.subarray(0, bytes[0] ?? 0);
    const stored = bytes.subarray(1);
    const ours = decompressBlock(stored, BLOCK_MOST, history);
    const reference = referenceBlock(stored, BLOCK_MOST, history);
    const agree =
      typeof ours === "string" || typeof reference === "string" ? ours === reference : same(ours, reference);
    if (!agree) throw new Broken(`the loops say ${told(ours)}, the reference ${told(reference)}`);
    if (typeof ours === "string") return;
    const again = compressBlock(ours)?.slice();
    if (again !== undefined && !same(decoded(again, ours.byteLength), ours))
      throw new Broken("compressing loses bytes");
  },
};

function told(outcome: Uint8Array | string): string {
  return typeof outcome === "string" ? outcome : `${outcome.byteLength} bytes`;
}

function decoded(block: Uint8Array, most: number): Uint8Array {
  const plain = decompressBlock(block, most);
  if (typeof plain === "string") throw new Broken(`what was compressed is ${plain}`);
  return plain;
}

/** Either an `Lz4Error`, or bytes that come out the same however the input is cut. */
export const frames: FuzzTarget = {
  name: "lz4-frame",
  seeds: () => [
    compressAll(text),
    compressAll(noise),
    compressAll(new Uint8Array()),
    Buffer.concat([encodeSkippableFrame(Buffer.from("x")), compressAll(text)]),
    // Linked blocks with checksums and a stated size, as other writers make them.
    Buffer.from("04224d185c400500000000000000", "hex"),
  ],
  words: FRAME_WORDS,
  most: 4000,
  run(bytes) {
    const whole = plainOf(() => decompressAll(bytes));
    const cut = plainOf(() => {
      const decoder = new Lz4FrameDecoder();
      const parts: Uint8Array[] = [];
      for (let at = 0; at < bytes.byteLength; at += 7) parts.push(...decoder.push(bytes.subarray(at, at + 7)));
      decoder.end();
      return Buffer.concat(parts);
    });
    const reused = plainOf(() => {
      const decoder = new Lz4FrameDecoder();
      const parts: Uint8Array[] = [];
      decoder.pushTo(bytes, (plain) => parts.push(plain.slice()));
      decoder.end();
      return Buffer.concat(parts);
    });
    for (const other of [cut, reused]) {
      const agree = whole === undefined || other === undefined ? whole === other : same(whole, other);
      if (!agree) throw new Broken("the way in which the bytes came makes a difference");
    }
  },
};

function plainOf(work: () => Uint8Array): Uint8Array | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Lz4Error && /^[ -~]+ at byte \d+$/.test(error.message)) return undefined;
    throw error;
  }
}

const wal = (pageSize: number, littleEndian: boolean): Uint8Array =>
  buildWal({ pageSize, salt1: 7, salt2: 9, littleEndian }, [
    { page: 1 },
    { page: 2, commitPages: 2 },
    { page: 3, commitPages: 3 },
  ]);

/** What is proved is a prefix of whole frames, the same however it is cut; a header that is read is written the same. */
export const walFrames: FuzzTarget = {
  name: "wal",
  seeds: () => [wal(512, true), wal(512, false), wal(1024, true)],
  words: ["\x37\x7f\x06\x82", "\x37\x7f\x06\x83", "\0\x2d\xe2\x18"],
  most: 4096,
  run(bytes) {
    const header = parseWalHeader(bytes.subarray(0, WAL_HEADER_BYTES));
    if (header === undefined) return;
    if (!same(encodeWalHeader(header), bytes.subarray(0, WAL_HEADER_BYTES)))
      throw new Broken("the header is written otherwise");
    const rest = bytes.subarray(WAL_HEADER_BYTES);
    const size = FrameChain.fromHeader(header).frameBytes;
    const aligned = rest.subarray(0, rest.byteLength - (rest.byteLength % size));
    const seen: number[] = [];
    const proven = FrameChain.fromHeader(header).advance(aligned, (page, commit, at) => seen.push(page, commit, at));
    if (proven % size !== 0 || proven > aligned.byteLength || seen.length !== (proven / size) * 3)
      throw new Broken(`${proven} bytes are proved of ${aligned.byteLength}`);
    const single = FrameChain.fromHeader(header);
    let at = 0;
    while (at < aligned.byteLength && single.advance(aligned.subarray(at, at + size), () => {}) === size) at += size;
    if (at !== proven) throw new Broken(`${at} bytes are proved one by one, ${proven} at once`);
  },
};

/** A proof that is read says what it says when it is written again. */
export const proofs: FuzzTarget = {
  name: "proof",
  seeds: () => [
    encodeProof({ version: 1 }).slice(8),
    encodeProof({ version: 1, previous: { index: 1, end: 4152, s1: 1, s2: 2 } }).slice(8),
    encodeProof({
      version: 1,
      position: { index: 0, offset: 32 },
      pageSize: 4096,
      pages: 3,
      sha256: "0".repeat(64),
    }).slice(8),
  ],
  words: ['"previous":', '{"index":', "null", "-1", "1e999", '"__proto__":', "9007199254740993", "[]"],
  most: 600,
  run(bytes) {
    for (const decode of [decodeSegmentProof, decodeSnapshotProof]) {
      for (const payload of [bytes, withSum(bytes)]) {
        const proof = refusing(() => decode([payload]));
        if (proof === undefined) continue;
        const again = decode([encodeProof(proof).slice(8)]);
        if (JSON.stringify(again) !== JSON.stringify(proof)) throw new Broken("the proof is written otherwise");
      }
    }
  },
};

/** With the checksum that its text has, so that the text is looked at. */
function withSum(bytes: Uint8Array): Uint8Array {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes.subarray(8)).toString());
    return encodeProof(json as Parameters<typeof encodeProof>[0]).slice(8);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) proveRefusal(error);
    return bytes;
  }
}

// Proofs beside the content: read back as written, passed over where they are another's, never half believed.
import fc from "fast-check";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Lz4FrameDecoder } from "../../src/codec/lz4-frame.ts";
import { compressAll } from "../../src/codec/lz4-stream.ts";
import { decodeSegmentProof, decodeSnapshotProof, encodeProof } from "../../src/replica/proof.ts";

/** The payloads that a reader of the whole object sees. */
function payloads(...frames: readonly Uint8Array[]): readonly Uint8Array[] {
  const decoder = new Lz4FrameDecoder();
  decoder.push(Buffer.concat([...frames, compressAll(new Uint8Array(3))]));
  decoder.end();
  return decoder.skippable;
}

function ours(text: string): Uint8Array {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(text));
  return Buffer.concat([Buffer.from("LWP1"), sum, Buffer.from(text)]);
}

const count = fc.nat(Number.MAX_SAFE_INTEGER);

describe("a proof", () => {
  it("of a segment is read back as it was written", () => {
    fc.assert(
      fc.property(fc.record({ index: count, end: count, s1: count, s2: count }), (previous) => {
        expect(decodeSegmentProof(payloads(encodeProof({ version: 1, previous })))).toEqual({ version: 1, previous });
      }),
    );
  });

  it("of a snapshot is read back as it was written", () => {
    const proof = {
      version: 1,
      generation: "00112233445566ff",
      salts: [1, 0xffffffff],
      position: { index: 3, offset: 4152 },
      pageSize: 4096,
      pages: 9,
      sha256: "ab".repeat(32),
    } as const;
    expect(decodeSnapshotProof(payloads(encodeProof(proof)))).toEqual(proof);
  });

  it("is found behind the payloads of others, which are passed over", () => {
    const others = [Buffer.from("LWP2 something newer"), Buffer.from(""), Buffer.from("LWP")];
    expect(decodeSegmentProof(others)).toBeUndefined();
    expect(decodeSegmentProof([...others, ours('{"version":1}')])).toEqual({ version: 1 });
  });

  it("may hold fields that are not known yet", () => {
    const text = '{"version":2,"previous":{"index":1,"end":2,"s1":3,"s2":4,"more":[]},"later":{"a":1}}';
    expect(decodeSegmentProof([ours(text)])?.previous).toEqual({ index: 1, end: 2, s1: 3, s2: 4 });
  });

  it("with any flipped bit is damaged, or not taken for one", () => {
    const payload =
      payloads(encodeProof({ version: 1, previous: { index: 1, end: 4152, s1: 5, s2: 6 } }))[0] ?? new Uint8Array(0);
    for (let at = 0; at < payload.byteLength * 8; at++) {
      const flipped = Uint8Array.from(payload);
      flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
      if (at < 32) expect(decodeSegmentProof([flipped])).toBeUndefined();
      else expect(() => decodeSegmentProof([flipped])).toThrow(/proof/);
    }
  });

  it.each([
    "{",
    "[]",
    "null",
    '{"previous":7}',
    '{"previous":{"index":-1,"end":0,"s1":0,"s2":0}}',
    '{"previous":{"index":1.5,"end":0,"s1":0,"s2":0}}',
  ])("that says %s is damaged", (text) => {
    expect(() => decodeSegmentProof([ours(text)])).toThrow(expect.objectContaining({ kind: "damaged" }));
  });
});

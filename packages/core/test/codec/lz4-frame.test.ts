// The codec: round trips, strictness against every kind of damage, and the reference program where there is one.
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compressBlock, decompressBlock } from "../../src/codec/lz4-block.ts";
import { LZ4_WASM } from "../../src/codec/lz4-wasm.ts";
import { Lz4Error } from "../../src/codec/lz4-error.ts";
import { encodeSkippableFrame, Lz4FrameDecoder, Lz4FrameEncoder } from "../../src/codec/lz4-frame.ts";
import { compressAll, decompressAll } from "../../src/codec/lz4-stream.ts";
import { Xxh32, xxh32 } from "../../src/codec/xxh32.ts";
import { buildWasm } from "./wasm-build.ts";

/** Bytes with repetitions near and far, as pages of a database have them. */
const pageLike = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 60 })), { maxLength: 40 })
  .map((parts) =>
    Buffer.concat(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => Buffer.from(bytes)))),
  );

const content = fc.oneof(pageLike, fc.uint8Array({ maxLength: 5000 }));

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof Lz4Error) return error.code;
    throw error;
  }
}

describe("a frame", () => {
  it("begins as Litestream 0.3.13 writes it and, when empty, ends with the checksum of nothing", () => {
    expect(Buffer.from(compressAll(new Uint8Array(0))).toString("hex")).toBe(
      "04224d186470b9" + "00000000" + "055dcc02",
    );
  });

  it("gives back what went in, however both sides are cut into chunks", () => {
    fc.assert(
      fc.property(
        content,
        fc.integer({ min: 1, max: 4000 }),
        fc.integer({ min: 1, max: 4000 }),
        (bytes, write, read) => {
          const encoder = new Lz4FrameEncoder();
          const stored: Uint8Array[] = [];
          for (let at = 0; at < bytes.byteLength; at += write)
            stored.push(...encoder.update(bytes.subarray(at, at + write)));
          stored.push(...encoder.end());
          const frame = Buffer.concat(stored);
          const decoder = new Lz4FrameDecoder();
          const plain: Uint8Array[] = [];
          for (let at = 0; at < frame.byteLength; at += read)
            plain.push(...decoder.push(frame.subarray(at, at + read)));
          decoder.end();
          expect(Buffer.compare(Buffer.concat(plain), bytes)).toBe(0);
          const borrowing = new Lz4FrameDecoder();
          const copies: Uint8Array[] = [];
          for (let at = 0; at < frame.byteLength; at += read)
            borrowing.pushTo(frame.subarray(at, at + read), (block) => copies.push(block.slice()));
          borrowing.end();
          expect(Buffer.compare(Buffer.concat(copies), bytes)).toBe(0);
        },
      ),
    );
  });

  it("of several blocks comes back whole", () => {
    const bytes = Buffer.alloc(3 * (1 << 20) + 12345);
    for (let i = 0; i < bytes.byteLength; i++) bytes[i] = ((i >> 7) * 31 + (i % 97)) & 255;
    const frame = compressAll(bytes);
    const borrowed: Uint8Array[] = [];
    const decoder = new Lz4FrameDecoder();
    decoder.pushTo(frame, (block) => borrowed.push(block.slice()));
    decoder.end();
    expect(Buffer.compare(Buffer.concat(borrowed), bytes)).toBe(0);
    expect(frame.byteLength).toBeLessThan(bytes.byteLength / 4);
    expect(Buffer.compare(decompressAll(frame), bytes)).toBe(0);
  });

  it("is refused at every cut", () => {
    const frame = compressAll(Buffer.from("a page of a database, a page of a database, another page"));
    for (let length = 1; length < frame.byteLength; length++) {
      expect(codeOf(() => decompressAll(frame.subarray(0, length)))).toMatch(/truncated|end-mark/);
    }
    expect(codeOf(() => decompressAll(new Uint8Array(0)))).toBe("empty");
  });

  it("is refused after any flipped bit, unless it still says the same (a copy from elsewhere with equal bytes)", () => {
    fc.assert(
      fc.property(content, fc.nat(), (bytes, draw) => {
        const frame = Buffer.from(compressAll(bytes));
        const bit = draw % (frame.byteLength * 8);
        frame[bit >> 3] = (frame[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        // A flip in the magic may make a skippable frame of it; that is no whole object either.
        let plain: Uint8Array | undefined;
        const code = codeOf(() => {
          plain = decompressAll(frame);
        });
        expect(code !== undefined || (plain !== undefined && Buffer.compare(plain, bytes) === 0)).toBe(true);
      }),
    );
  });

  it("is refused with a second frame or any byte behind it", () => {
    const frame = compressAll(Buffer.from("one"));
    expect(codeOf(() => decompressAll(Buffer.concat([frame, frame])))).toBe("joined-frames");
    expect(codeOf(() => decompressAll(Buffer.concat([frame, Buffer.from([0])])))).toBe("trailing-bytes");
  });

  it("may have skippable frames before it, and hands their payloads out", () => {
    const decoder = new Lz4FrameDecoder();
    const stored = Buffer.concat([
      encodeSkippableFrame(Buffer.from("first")),
      encodeSkippableFrame(Buffer.from("")),
      compressAll(Buffer.from("x")),
    ]);
    const plain = [...stored].flatMap((byte) => decoder.push(Uint8Array.from([byte])));
    decoder.end();
    expect(Buffer.concat(plain).toString()).toBe("x");
    expect(decoder.skippable.map((payload) => Buffer.from(payload).toString())).toEqual(["first", ""]);
  });

  it("is refused behind a skippable frame that is too large to be ours", () => {
    const frame = Buffer.alloc(70_008);
    frame.writeUInt32LE(0x184d2a50);
    frame.writeUInt32LE(70_000, 4);
    expect(codeOf(() => decompressAll(frame))).toMatch(/skippable/);
  });

  it("never makes the decoder throw anything but its own error on hostile bytes", () => {
    const head = compressAll(new Uint8Array(0)).subarray(0, 7);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(codeOf(() => decompressAll(Buffer.concat([head, noise])))).toBeDefined();
      }),
    );
  });
});

describe("a block", () => {
  it("comes back as it was, or is declined for not becoming smaller", () => {
    fc.assert(
      fc.property(content, (bytes) => {
        // The result is a view into the engine: copied before the next call.
        const stored = compressBlock(bytes)?.slice();
        if (stored === undefined) return;
        expect(stored.byteLength).toBeLessThanOrEqual(bytes.byteLength);
        const plain = decompressBlock(stored, bytes.byteLength);
        if (typeof plain === "string") throw new Error(plain);
        expect(Buffer.compare(plain, bytes)).toBe(0);
      }),
    );
  });

  it("never decodes to more than it may, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), (noise, room) => {
        const plain = decompressBlock(noise, room);
        expect(typeof plain === "string" ? 0 : plain.byteLength).toBeLessThanOrEqual(room);
      }),
      { numRuns: 1000 },
    );
  });

  it("does not reach back past its history", () => {
    // One literal, then a copy of four bytes from two back: one byte before the block.
    const stored = Uint8Array.of(0x10, 0x61, 0x02, 0x00, 0x00);
    expect(decompressBlock(stored, 100)).toBe("malformed");
  });
});

it("the loops that are carried are the ones that are written down", async () => {
  expect(await buildWasm()).toBe(LZ4_WASM);
});

describe("xxh32", () => {
  it("of nothing is the published value", () => {
    expect(xxh32(new Uint8Array(0)).toString(16).padStart(8, "0")).toBe("02cc5d05");
  });

  it("does not depend on how the bytes are fed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, step) => {
        const hash = new Xxh32();
        for (let at = 0; at < bytes.byteLength; at += step) hash.update(bytes.subarray(at, at + step));
        expect(hash.digest()).toBe(xxh32(bytes));
      }),
    );
  });
});

const reference = spawnSync("lz4", ["--version"]).status === 0;

describe.skipIf(!reference)("the reference program", () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => ((i * i) >> 9) & 255));

  it("reads what is written here", () => {
    const { status, stdout } = spawnSync("lz4", ["-dc"], { input: compressAll(bytes), maxBuffer: 1 << 24 });
    expect(status).toBe(0);
    expect(Buffer.compare(stdout, bytes)).toBe(0);
  });

  it.each([["-1"], ["-9"], ["-BD"], ["-BX"], ["-B4"], ["--no-frame-crc"], ["--content-size"]])(
    "writes with %s what is read here",
    (flag) => {
      const { stdout } = spawnSync("lz4", [flag, "-c"], { input: bytes, maxBuffer: 1 << 24 });
      expect(Buffer.compare(decompressAll(stdout), bytes)).toBe(0);
    },
  );
});

// WAL headers, frames and checksums: the vectors of the format, and properties over all page sizes and both orders.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RunningChecksum } from "../../src/wal/checksum.ts";
import { frameAlign, frameBytes, framesBefore, lockPageNumber, offsetOfFrames } from "../../src/wal/frame.ts";
import { FrameChain } from "../../src/wal/frame-chain.ts";
import { encodeWalHeader, parseWalHeader, WAL_HEADER_BYTES } from "../../src/wal/header.ts";
import { buildWal, PAGE_SIZES } from "./wal-builder.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

// From formats.vectors.json: page size 512, salts 1 and 2, two frames, commit at the second with 2 pages.
const vectors = [
  {
    littleEndian: true,
    header: "377f0682002de21800000200000000000000000100000002d5cb03138fa4dab8",
    frames: ["00000001000000000000000100000002086b8bd720e22447", "000000020000000200000001000000022b1c1269428ce4c0"],
  },
  {
    littleEndian: false,
    header: "377f0683002de218000002000000000000000001000000021604cad8bcdda493",
    frames: ["000000010000000000000001000000028c61f9f5b5aa8942", "00000002000000020000000100000002fe59c4f12bb6a01d"],
  },
];

const pages = [
  Uint8Array.from({ length: 512 }, (_, i) => (i * 7 + 1) & 255),
  Uint8Array.from({ length: 512 }, (_, i) => (i * 11 + 2) & 255),
];

describe.each(vectors)("a WAL whose checksums are little-endian: $littleEndian", ({ littleEndian, header, frames }) => {
  const wal = buildWal({ littleEndian, pageSize: 512, salt1: 1, salt2: 2 }, [
    { page: 1, data: pages[0] },
    { page: 2, data: pages[1], commitPages: 2 },
  ]);

  it("has the header and the frame headers of the vectors", () => {
    expect(hex(wal.subarray(0, 32))).toBe(header);
    expect(hex(wal.subarray(32, 56))).toBe(frames[0]);
    expect(hex(wal.subarray(32 + 536, 32 + 536 + 24))).toBe(frames[1]);
  });

  it("is proved frame by frame", () => {
    const parsed = parseWalHeader(wal);
    if (parsed === undefined) throw new Error("the header was refused");
    const chain = FrameChain.fromHeader(parsed);
    const seen: number[][] = [];
    expect(chain.advance(wal.subarray(32), (page, commit, at) => seen.push([page, commit, at]))).toBe(1072);
    expect(seen).toEqual([
      [1, 0, 0],
      [2, 2, 536],
    ]);
  });
});

const salts = fc.record({
  littleEndian: fc.boolean(),
  pageSize: fc.constantFrom(...PAGE_SIZES),
  checkpointSequence: fc.integer({ min: 0, max: 0xffffffff }),
  salt1: fc.integer({ min: 0, max: 0xffffffff }),
  salt2: fc.integer({ min: 0, max: 0xffffffff }),
});

describe("a WAL header", () => {
  it("comes back as it was written", () => {
    fc.assert(
      fc.property(salts, (header) => {
        expect(parseWalHeader(encodeWalHeader(header))).toMatchObject(header);
      }),
    );
  });

  it("is refused after any flipped bit", () => {
    fc.assert(
      fc.property(salts, fc.nat(WAL_HEADER_BYTES * 8 - 1), (header, bit) => {
        const bytes = encodeWalHeader(header);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        // The magic's lowest bit only picks the order of words; then the checksum no longer fits.
        expect(parseWalHeader(bytes)).toBeUndefined();
      }),
    );
  });

  it("is refused when it is short", () => {
    const bytes = encodeWalHeader({ littleEndian: true, pageSize: 4096, checkpointSequence: 0, salt1: 1, salt2: 2 });
    for (let length = 0; length < 32; length++) expect(parseWalHeader(bytes.subarray(0, length))).toBeUndefined();
  });
});

const smallWal = fc.record({
  header: salts.map((header) => ({ ...header, pageSize: Math.min(header.pageSize, 1024) })),
  frames: fc.array(fc.record({ page: fc.integer({ min: 1, max: 50 }), commitPages: fc.constantFrom(0, 7) }), {
    minLength: 1,
    maxLength: 6,
  }),
});

describe("a chain of frames", () => {
  it("is proved whole, however it is cut into chunks", () => {
    fc.assert(
      fc.property(smallWal, fc.nat(5), ({ header, frames }, first) => {
        const wal = buildWal(header, frames);
        const parsed = parseWalHeader(wal);
        if (parsed === undefined) throw new Error("the header was refused");
        const size = frameBytes(header.pageSize);
        const chain = FrameChain.fromHeader(parsed);
        const cut = WAL_HEADER_BYTES + Math.min(first, frames.length) * size;
        const done = chain.advance(wal.subarray(WAL_HEADER_BYTES, cut));
        const next = new FrameChain(chain.state);
        expect(done + next.advance(wal.subarray(cut))).toBe(frames.length * size);
      }),
    );
  });

  it("ends at the frame in which any bit was flipped", () => {
    fc.assert(
      fc.property(smallWal, fc.nat(), ({ header, frames }, draw) => {
        const wal = buildWal(header, frames);
        const parsed = parseWalHeader(wal);
        if (parsed === undefined) throw new Error("the header was refused");
        const size = frameBytes(header.pageSize);
        const bit = draw % (frames.length * size * 8);
        const byte = WAL_HEADER_BYTES + (bit >> 3);
        wal[byte] = (wal[byte] ?? 0) ^ (1 << (bit & 7));
        const chain = FrameChain.fromHeader(parsed);
        const broken = Math.floor((byte - WAL_HEADER_BYTES) / size);
        expect(chain.advance(wal.subarray(WAL_HEADER_BYTES))).toBe(broken * size);
        expect(chain.broken).toBeDefined();
      }),
    );
  });
});

describe("offsets", () => {
  it.each([
    [0, 0],
    [31, 0],
    [32, 32],
    [33, 32],
    [4151, 32],
    [4152, 4152],
    [4153, 4152],
    [8272, 8272],
  ])("of %i bytes align to %i", (size, aligned) => {
    expect(frameAlign(size, 4096)).toBe(aligned);
  });

  it("and frame counts are each other's inverse at every page size, past 4 GiB too", () => {
    fc.assert(
      fc.property(fc.constantFrom(...PAGE_SIZES), fc.nat(20_000_000), (pageSize, count) => {
        expect(framesBefore(offsetOfFrames(count, pageSize), pageSize)).toBe(count);
        expect(framesBefore(offsetOfFrames(count, pageSize) + pageSize, pageSize)).toBe(count);
      }),
    );
  });

  it.each([
    [512, 2097153],
    [4096, 262145],
    [65536, 16385],
  ])("put the lock byte of page size %i on page %i", (pageSize, page) => {
    expect(lockPageNumber(pageSize)).toBe(page);
  });
});

it("a checksum does not depend on where its bytes lie in memory", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ minLength: 8, maxLength: 64 }), fc.nat(7), (order, data, shift) => {
      const length = data.byteLength & ~7;
      const aligned = new RunningChecksum(order);
      aligned.add(new DataView(data.slice().buffer), 0, length);
      const moved = new Uint8Array(data.byteLength + shift);
      moved.set(data, shift);
      const shifted = new RunningChecksum(order);
      shifted.add(new DataView(moved.buffer), shift, length);
      expect(shifted.value).toEqual(aligned.value);
    }),
  );
});

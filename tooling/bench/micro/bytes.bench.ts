// The inner loops, each by itself, so that a regression shows where it is. `npx vitest bench -c tooling/bench/vitest.config.ts`.
// Each run handles 4 MiB: runs a second times four are MiB a second.
import { it } from "vitest";
import { compressAll, decompressAll } from "../../../packages/core/src/codec/lz4-stream.ts";
import { PageMap } from "../../../packages/core/src/restore/page-map.ts";
import { RunningChecksum } from "../../../packages/core/src/wal/checksum.ts";
import { FrameChain } from "../../../packages/core/src/wal/frame-chain.ts";

const BYTES = 4 << 20;
const PAGE = 4096;
const FRAMES = Math.floor(BYTES / (PAGE + 24));

/** Half random, half not, as with most data. */
function mixed(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes, "compressible ");
  for (let at = 0; at < bytes; at += PAGE) for (let i = at; i < at + PAGE / 2; i++) buffer[i] = Math.random() * 256;
  return buffer;
}

/** Frames that prove: salts and checksums as SQLite would have written them. */
function frames(): Buffer {
  const buffer = mixed(FRAMES * (PAGE + 24));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const sum = new RunningChecksum(true);
  for (let at = 0, page = 1; at < buffer.byteLength; at += PAGE + 24, page++) {
    view.setUint32(at, page);
    view.setUint32(at + 4, page % 4 === 0 ? page : 0);
    view.setUint32(at + 8, 1);
    view.setUint32(at + 12, 2);
    sum.add(view, at, 8);
    sum.add(view, at + 24, PAGE);
    view.setInt32(at + 16, sum.s1);
    view.setInt32(at + 20, sum.s2);
  }
  return buffer;
}

const plain = mixed(BYTES);
const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
const wal = frames();
const packed = compressAll(plain);
const start = { littleEndian: true, pageSize: PAGE, salt1: 1, salt2: 2, checksum: { s1: 0, s2: 0 } };

it("inner loops over 4 MiB", async ({ bench }) => {
  await bench.compare(
    bench("checksum", () => new RunningChecksum(true).add(view, 0, BYTES)),
    bench("frames proved", () => {
      if (new FrameChain(start).advance(wal) !== wal.byteLength) throw new Error("the frames do not prove");
    }),
    bench("LZ4 compress", () => void compressAll(plain)),
    bench("LZ4 decompress", () => void decompressAll(packed)),
    bench("pages merged", () => {
      const map = new PageMap();
      for (let frame = 0; frame < FRAMES; frame++)
        map.add(1 + ((frame * 7919) % FRAMES), frame % 4 === 0 ? FRAMES : 0, frame);
      map.endIndex();
    }),
  );
}, 60_000);

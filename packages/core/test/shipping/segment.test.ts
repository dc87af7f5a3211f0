// What is read of a WAL that does not continue what was shipped: read again where it may be otherwise then, and else given up.
import { tempDir } from "@litewake-tooling/testkit";
import { expect, it } from "vitest";
import { Epoch } from "../../src/database/epoch.ts";
import { ContinuityLost } from "../../src/database/continuity-lost.ts";
import { Spool } from "../../src/database/spool.ts";
import type { WalFile } from "../../src/database/wal-file.ts";
import { SegmentMoved, segmentBytes } from "../../src/shipping/segment.ts";
import { frameBytes, offsetOfFrames } from "../../src/wal/frame.ts";
import { encodeWalHeader, parseWalHeader } from "../../src/wal/header.ts";

const PAGE = 4096;
const FROM = offsetOfFrames(1, PAGE);
const END = offsetOfFrames(2, PAGE);
const fields = { littleEndian: true, pageSize: PAGE, checkpointSequence: 0, salt1: 1, salt2: 2 };
const header = parseWalHeader(encodeWalHeader(fields));
const chain = { ...fields, checksum: { s1: 0, s2: 0 } };
/** Restarted since, so that no frame of the old one is there. */
function restartedWal(onRead: () => void = () => {}): WalFile {
  const read = (into: Uint8Array): number => (onRead(), into.fill(0).byteLength);
  const live = parseWalHeader(encodeWalHeader({ ...fields, salt1: 2 }));
  return { path: "app.db-wal", read, header: () => live } as unknown as WalFile;
}

async function readAll(epoch: Epoch, wal: WalFile): Promise<void> {
  const span = { epoch, from: FROM, chain, limit: END, cutAt: END, covered: false };
  for await (const _ of segmentBytes(span, wal, () => {})) continue;
}

it("a kept tail whose content a power loss took is given up: read again and again, nothing would be shipped any more", async () => {
  using folder = tempDir("segment");
  const epoch = new Epoch(0, PAGE, header, 2);
  epoch.spool = Spool.create(folder.path, "0.wal", FROM);
  epoch.spool.extend(restartedWal(), FROM + frameBytes(PAGE));
  epoch.closed = true;
  await expect(readAll(epoch, restartedWal())).rejects.toBeInstanceOf(ContinuityLost);
  epoch.spool.close();
});

it("a WAL that was restarted while it was read is read again, from what was kept of it", async () => {
  using folder = tempDir("segment");
  const epoch = new Epoch(0, PAGE, header, 2);
  const restart = (): void => {
    epoch.spool ??= Spool.create(folder.path, "0.wal", FROM);
    epoch.closed = true;
  };
  await expect(readAll(epoch, restartedWal(restart))).rejects.toBeInstanceOf(SegmentMoved);
  epoch.spool?.close();
});

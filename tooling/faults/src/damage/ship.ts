// Makes a replica of a recorded history, as Litewake ships it, or as Litestream 0.3 does: the same without proofs.
import { compressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { encodeProof } from "../../../../packages/core/src/replica/proof.ts";
import { FrameChain, type Generation, parseWalHeader, segmentKey, snapshotKey } from "@litewake/core/protocol";
import type { StoredObject } from "./objects.ts";
import type { History, Life } from "./record.ts";
import { type FrameForm, frameOf } from "./stored-form.ts";

/** One generation over some lives of the history. */
export interface Chapter {
  readonly generation: string;
  /** Its index 0 is this life. */
  readonly from: number;
  readonly lives: number;
  /** Snapshots: in which index, after how many of its commits. The first is in index 0. */
  readonly snapshots: readonly (readonly [index: number, commits: number])[];
  /** Commits in a segment. */
  readonly every: number;
  /** `old`: as Litewake wrote them before they named their generation. */
  readonly proofs: "full" | "old" | "none";
  /** Segments may end in the middle of a transaction, as Litestream cuts them now and then. */
  readonly cutsAnywhere?: boolean;
  /** The snapshots alone: nothing of the WAL was shipped yet. */
  readonly withoutWal?: boolean;
  /** Segments are made of small blocks, so that a frame has several. */
  readonly form?: FrameForm;
}

export const FIRST_MS = Date.parse("2026-01-01T00:00:00Z");
export const STEP_MS = 1000;

/** A second lies between two objects. */
export function ship(history: History, chapters: readonly Chapter[]): Map<string, StoredObject> {
  const objects = new Map<string, StoredObject>();
  const put = (key: string, bytes: Uint8Array): void => {
    objects.set(key, { bytes, modifiedAt: new Date(FIRST_MS + objects.size * STEP_MS) });
  };
  for (const chapter of chapters) shipChapter(history, chapter, put);
  return objects;
}

function shipChapter(history: History, chapter: Chapter, put: (key: string, bytes: Uint8Array) => void): void {
  const generation = chapter.generation as Generation;
  const { proofs, every } = chapter;
  let previous: { index: number; end: number; s1: number; s2: number } | undefined;
  for (let index = 0; index < chapter.lives; index++) {
    const life = history.lives[chapter.from + index];
    const before = history.lives[chapter.from + index - 1]?.after ?? history.base;
    if (life === undefined) throw new Error(`the history has no life ${chapter.from + index}`);
    const snapshot = (offset: number): void => {
      const image = imageAt(before, life, offset, history.pageSize);
      const place = {
        position: { index, offset },
        pageSize: history.pageSize,
        pages: image.byteLength / history.pageSize,
      };
      const header = parseWalHeader(life.wal);
      const salts = offset === 0 || header === undefined ? {} : { salts: [header.salt1, header.salt2] as const };
      const own = proofs === "full" ? { generation, ...salts } : {};
      const head = proofs === "none" ? [] : [encodeProof({ version: 1, ...own, ...place })];
      put(snapshotKey(generation, index), Buffer.concat([...head, compressAll(image)]));
    };
    const due = chapter.snapshots.filter(([at]) => at === index).map(([, commits]) => life.commits[commits - 1] ?? 0);
    let covered = 0;
    for (const offset of due)
      if (index === 0 || offset === 0) {
        // A generation's first snapshot goes before its segments, and the first of them does not end before it.
        snapshot(offset);
        covered = offset;
      }
    let from = 0;
    if (chapter.withoutWal === true) continue;
    for (const end of ends(life, every, covered, chapter.cutsAnywhere === true ? 24 + history.pageSize : undefined)) {
      const own = proofs === "full" ? { generation, index } : {};
      const says = from === 0 && (proofs === "full" || (proofs === "old" && previous !== undefined));
      const head = says ? [encodeProof({ version: 1, ...own, ...(previous === undefined ? {} : { previous }) })] : [];
      const plain = life.wal.subarray(from, end);
      const frame = chapter.form === undefined ? compressAll(plain) : frameOf(plain, chapter.form);
      put(segmentKey(generation, index, from), Buffer.concat([...head, frame]));
      for (const offset of due) if (offset > Math.max(covered, from) && offset <= end) snapshot(offset);
      from = end;
    }
    previous = { index, end: life.wal.byteLength, ...checksumOf(life.wal) };
  }
}

function ends(life: Life, every: number, atLeast: number, frame: number | undefined): number[] {
  const places = life.commits.filter((end, n) => end >= atLeast && (n + 1) % every === 0);
  const last = life.wal.byteLength;
  const all = [...places, last];
  // One frame before every second place: that transaction ends in the next segment.
  if (frame !== undefined) all.push(...places.filter((_, n) => n % 2 === 1).map((end) => end - frame));
  return [...new Set(all)].filter((end) => end >= atLeast && end > 32).sort((a, b) => a - b);
}

function checksumOf(wal: Buffer): { s1: number; s2: number } {
  const header = parseWalHeader(wal);
  if (header === undefined) throw new Error("no WAL header");
  const chain = FrameChain.fromHeader(header);
  chain.advance(wal.subarray(32));
  return chain.state.checksum;
}

/** The database file once the WAL was written back up to `offset`. */
function imageAt(before: Buffer, { wal }: Life, offset: number, pageSize: number): Buffer {
  let image = Buffer.from(before);
  let size = image.byteLength;
  for (let at = 32; at + 24 + pageSize <= offset; at += 24 + pageSize) {
    const end = wal.readUInt32BE(at) * pageSize;
    if (end > image.byteLength) image = Buffer.concat([image, Buffer.alloc(end - image.byteLength)]);
    wal.copy(image, end - pageSize, at + 24, at + 24 + pageSize);
    if (wal.readUInt32BE(at + 4) > 0) size = wal.readUInt32BE(at + 4) * pageSize;
  }
  if (size > image.byteLength) image = Buffer.concat([image, Buffer.alloc(size - image.byteLength)]);
  return image.subarray(0, size);
}

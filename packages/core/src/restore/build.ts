// Builds the restored file under its temporary name: the snapshot streamed in, then every page of the WAL once, in the last
// version that was committed.
import fs from "node:fs";
import type { ReplicaClient } from "../backend/client.ts";
import { Lz4Error } from "../codec/lz4-error.ts";
import { segmentKey } from "../replica/layout.ts";
import type { Position } from "../replica/position.ts";
import { decodeSegmentProof, decodeSnapshotProof } from "../replica/proof.ts";
import { FRAME_HEADER_BYTES, frameBytes } from "../wal/frame.ts";
import { FrameSpool } from "./frame-spool.ts";
import { ObjectDecoder } from "./object-decoder.ts";
import { PageMap } from "./page-map.ts";
import type { RestorePlan } from "./plan.ts";
import { prefetch } from "./prefetch.ts";
import type { RestoreProgress } from "./progress.ts";
import { RestoreRefusal } from "./refusal.ts";
import { type ProvenFrames, WalVerifier } from "./wal-verifier.ts";

/** Stored bytes that are read ahead of what is being applied. */
const READ_AHEAD_BYTES = 48 << 20;

export interface BuildOptions {
  readonly parallelism?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
  readonly mode?: number;
}

export interface BuiltOutput {
  readonly position: Position;
  readonly pages: number;
  readonly bytesWritten: number;
  readonly provenEnds: boolean;
  readonly progress: Omit<RestoreProgress, "phase">;
}

interface PlannedObject {
  readonly key: string;
  readonly index: number;
  readonly offset: number;
  readonly size: number;
  readonly snapshot: boolean;
}

/** Fetches, proves and writes. The file is synced when this resolves; on any failure its owner removes it. */
export async function buildOutput(
  client: ReplicaClient,
  plan: RestorePlan,
  file: string,
  options: BuildOptions,
): Promise<BuiltOutput> {
  const signal = options.signal ?? new AbortController().signal;
  const descriptor = fs.openSync(file, "wx+", options.mode ?? 0o600);
  const sink = new FrameSink(`${file}-frames`);
  try {
    await using decoder = new ObjectDecoder(plan.bytes);
    const verifier = new WalVerifier(plan.generation, plan.snapshot.index, sink);
    const tally = { bytesDone: 0, bytesTotal: plan.bytes, segmentsDone: 0, segmentsTotal: plan.segmentCount };
    let snapshotBytes = 0;
    let reached: { index: number; offset: number } | undefined;
    const objects = prefetch({
      items: objectsOf(plan),
      open: (object, abort) => counted(client, object, abort, tally, options),
      parallelism: Math.max(1, options.parallelism ?? 8),
      budgetBytes: READ_AHEAD_BYTES,
      signal,
    });
    for await (const { item, chunks } of objects) {
      const decoded = decoder.decode(chunks, item.size);
      try {
        if (item.snapshot) {
          snapshotBytes = await writeSnapshot(descriptor, decoded.chunks);
          reached = decodeSnapshotProof(decoded.skippable())?.position;
        } else {
          let begun = false;
          const begin = () => {
            if (!begun) verifier.begin(item.index, item.offset, decodeSegmentProof(decoded.skippable()));
            begun = true;
          };
          for await (const chunk of decoded.chunks) {
            begin();
            verifier.push(chunk);
          }
          begin();
          verifier.end();
          tally.segmentsDone++;
        }
      } catch (error) {
        throw damageOf(error, plan, item);
      }
    }
    const end = verifier.finish();
    refuseMixedAges(plan, reached, end);
    options.onProgress?.({ ...tally, phase: "write" });
    const bytesWritten = snapshotBytes + sink.writeInto(descriptor, snapshotBytes);
    fs.fsyncSync(descriptor);
    const sizeBytes = fs.fstatSync(descriptor).size;
    const pageSize = end.pageSize ?? pageSizeOf(descriptor);
    return {
      position: { generation: plan.generation, index: end.index, offset: end.offset },
      pages: pageSize > 0 ? sizeBytes / pageSize : 0,
      bytesWritten,
      provenEnds: end.provenEnds,
      progress: tally,
    };
  } finally {
    sink[Symbol.dispose]();
    fs.closeSync(descriptor);
  }
}

function* objectsOf(plan: RestorePlan): Generator<PlannedObject> {
  const { key, index, size } = plan.snapshot;
  yield { key, index, offset: 0, size, snapshot: true };
  const { table, first, end } = plan.segments;
  for (let at = first; at < end; at++) {
    const offset = table.offsetAt(at);
    const number = table.indexAt(at);
    yield { key: segmentKey(plan.generation, number, offset), index: number, offset, size: table.sizeAt(at), snapshot: false };
  }
}

async function* counted(
  client: ReplicaClient,
  object: PlannedObject,
  signal: AbortSignal,
  tally: { bytesDone: number; bytesTotal: number; segmentsDone: number; segmentsTotal: number },
  options: BuildOptions,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of await client.get(object.key, { signal })) {
    tally.bytesDone += chunk.byteLength;
    options.onProgress?.({ ...tally, phase: "fetch" });
    yield chunk;
  }
}

async function writeSnapshot(descriptor: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let at = 0;
  for await (const chunk of chunks) {
    let done = 0;
    while (done < chunk.byteLength) done += fs.writeSync(descriptor, chunk, done, chunk.byteLength - done, at + done);
    at += chunk.byteLength;
  }
  return at;
}

function pageSizeOf(descriptor: number): number {
  const head = Buffer.alloc(18);
  if (fs.readSync(descriptor, head, 0, head.byteLength, 0) < head.byteLength) return 0;
  const size = head.readUInt16BE(16);
  return size === 1 ? 65536 : size;
}

/** A damaged object is named by its place; what the store itself answered stays as it is. */
function damageOf(error: unknown, plan: RestorePlan, object: PlannedObject): unknown {
  if (!(error instanceof Lz4Error)) return error;
  const { generation } = plan;
  const what = `${object.snapshot ? "the snapshot" : "a WAL segment"} is damaged: ${error.message}`;
  const place = object.snapshot ? { generation, index: object.index } : { generation, index: object.index, offset: object.offset };
  return new RestoreRefusal("damaged", what, place, { cause: error });
}

// The copy holds pages up to a place of its index; WAL that ends before would leave pages of two ages side by side.
function refuseMixedAges(
  plan: RestorePlan,
  reached: { index: number; offset: number } | undefined,
  end: { index: number; offset: number },
): void {
  if (reached === undefined || plan.segmentCount === 0) return;
  if (end.index > reached.index || (end.index === reached.index && end.offset >= reached.offset)) return;
  throw new RestoreRefusal("damaged", `the snapshot reaches up to byte ${reached.offset} of its index, the WAL ends before`, {
    generation: plan.generation,
    index: end.index,
    offset: end.offset,
  });
}

/** Proven frames on their way into the file. */
class FrameSink implements ProvenFrames, Disposable {
  readonly #spoolPath: string;
  readonly #map = new PageMap();
  #pageSize = 0;
  #frames = 0;
  #spool: FrameSpool | undefined;

  constructor(spoolPath: string) {
    this.#spoolPath = spoolPath;
  }

  begin(pageSize: number): void {
    this.#pageSize = pageSize;
    this.#spool = new FrameSpool(this.#spoolPath, frameBytes(pageSize));
  }

  frame(page: number, commitPages: number): void {
    this.#map.add(page, commitPages, this.#frames++);
  }

  bytes(frames: Uint8Array): void {
    this.#spool?.add(frames);
  }

  endIndex(): void {
    this.#map.endIndex();
  }

  /** Writes the last version of each page; gives the file its size. Returns the bytes written. */
  writeInto(descriptor: number, snapshotBytes: number): number {
    const spool = this.#spool;
    const { sizePages } = this.#map;
    if (spool === undefined || sizePages === undefined) return 0;
    const kept = Math.min(snapshotBytes, this.#map.keptPages * this.#pageSize, sizePages * this.#pageSize);
    fs.ftruncateSync(descriptor, kept);
    fs.ftruncateSync(descriptor, sizePages * this.#pageSize);
    let written = 0;
    let frame = 0;
    for (let block = 0; block < spool.blockCount; block++) {
      const bytes = spool.readBlock(block);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at + spool.frameBytes <= bytes.byteLength && frame < this.#frames; at += spool.frameBytes, frame++) {
        const page = view.getUint32(at);
        if (!this.#map.isLast(page, frame)) continue;
        fs.writeSync(descriptor, bytes, at + FRAME_HEADER_BYTES, this.#pageSize, (page - 1) * this.#pageSize);
        written += this.#pageSize;
      }
    }
    return written;
  }

  [Symbol.dispose](): void {
    this.#spool?.[Symbol.dispose]();
  }
}

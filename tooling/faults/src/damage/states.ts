// What a sound replica holds, worked out apart from the product: the database at every commit, by its place.
import { decompressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { parseKey } from "@litewake/core/protocol";
import type { Objects } from "./objects.ts";

/** A segment or snapshot of the sound replica. */
export interface SoundObject {
  readonly key: string;
  readonly generation: string;
  readonly kind: "snapshot" | "segment";
  readonly index: number;
  readonly offset: number;
  readonly plain: Buffer;
  readonly modifiedMs: number;
  /** Of a segment: one past its last byte. */
  readonly end: number;
  /** Of a segment: the last commit at or before its end; of a snapshot: its own place. */
  readonly commit: Place;
}

export interface Place {
  readonly index: number;
  readonly offset: number;
}

export interface Truth {
  /** In the order in which they were shipped. */
  readonly objects: readonly SoundObject[];
  readonly byKey: ReadonlyMap<string, SoundObject>;
  /** By `generation/index:offset`: the database there. Before an index's first byte more than one may be right. */
  readonly states: ReadonlyMap<string, readonly Buffer[]>;
  /** Generations, the newest first. */
  readonly generations: readonly string[];
  readonly pageSize: number;
}

export const at = (generation: string, { index, offset }: Place): string => `${generation}/${index}:${offset}`;

export function before(a: Place, b: Place): boolean {
  return a.index < b.index || (a.index === b.index && a.offset < b.offset);
}

/** `stated`: up to where a snapshot's copy reaches, where the replica was made so that it is known. */
export function truthOf(replica: Objects, stated: (key: string) => number = () => 0): Truth {
  const read = [...replica].flatMap(([key, { bytes, modifiedAt }]) => {
    const name = parseKey(key);
    if (name === undefined) return [];
    const plain = decompressAll(bytes);
    const offset = name.kind === "segment" ? name.offset : stated(key);
    return [{ ...name, key, offset, plain: Buffer.from(plain), modifiedMs: modifiedAt.getTime() }];
  });
  read.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.key < b.key ? -1 : 1));
  const states = new Map<string, Buffer[]>();
  const objects: SoundObject[] = [];
  let pageSize = 0;
  const generations = [...new Set(read.map(({ generation }) => generation))].toReversed();
  for (const generation of generations) {
    const own = read.filter((object) => object.generation === generation);
    const note = (place: Place, state: Buffer): void => {
      const key = at(generation, place);
      const known = states.get(key) ?? [];
      if (!known.some((one) => one.equals(state))) states.set(key, [...known, state]);
    };
    const snapshots = own.filter(({ kind }) => kind === "snapshot").sort((a, b) => a.index - b.index);
    const first = snapshots[0];
    if (first === undefined) throw new Error(`${generation} has no snapshot`);
    for (const { key, index, offset, plain, modifiedMs } of snapshots) {
      note({ index, offset: 0 }, plain);
      if (offset > 0) note({ index, offset }, plain);
      const commit = { index, offset };
      objects.push({ key, generation, kind: "snapshot", index, offset, plain, modifiedMs, end: offset, commit });
    }
    pageSize = first.plain.readUInt16BE(16) === 1 ? 65_536 : first.plain.readUInt16BE(16);
    let state: Buffer = first.plain;
    const segments = own.filter(({ kind }) => kind === "segment");
    segments.sort((a, b) => a.index - b.index || a.offset - b.offset);
    let index = -1;
    let wal: Wal | undefined;
    for (const segment of segments) {
      if (segment.index !== index) {
        ({ index } = segment);
        note({ index, offset: 0 }, state);
        // A WAL that holds its header and no commit yet.
        note({ index, offset: 32 }, state);
        wal = new Wal(segment.plain);
      }
      if (wal === undefined) throw new Error("no WAL");
      state = wal.apply(segment.plain, state, (offset, reached) => {
        if (index > first.index || offset >= first.offset) note({ index, offset }, reached);
      });
      const { offset, plain, key, modifiedMs } = segment;
      const commit = { index, offset: wal.committed };
      objects.push({ key, generation, kind: "segment", index, offset, plain, modifiedMs, end: wal.end, commit });
    }
  }
  objects.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.key < b.key ? -1 : 1));
  return { objects, byKey: new Map(objects.map((one) => [one.key, one])), states, generations, pageSize };
}

/** One index: frames are taken in order, and count once their commit is there. */
class Wal {
  readonly pageSize: number;
  end = 0;
  committed = 0;
  #open: { readonly page: number; readonly data: Buffer }[] = [];

  constructor(first: Buffer) {
    this.pageSize = first.byteLength < 32 ? 512 : first.readUInt32BE(8);
  }

  apply(bytes: Buffer, from: Buffer, onCommit: (offset: number, state: Buffer) => void): Buffer {
    let state = from;
    let read = this.end === 0 ? Math.min(32, bytes.byteLength) : 0;
    this.end += read;
    if (this.committed === 0) this.committed = this.end;
    for (; read + 24 + this.pageSize <= bytes.byteLength; read += 24 + this.pageSize) {
      this.#open.push({ page: bytes.readUInt32BE(read), data: bytes.subarray(read + 24, read + 24 + this.pageSize) });
      this.end += 24 + this.pageSize;
      const size = bytes.readUInt32BE(read + 4);
      if (size === 0) continue;
      const next = Buffer.alloc(Math.max(size * this.pageSize, state.byteLength));
      state.copy(next);
      for (const { page, data } of this.#open) if (page <= size) data.copy(next, (page - 1) * this.pageSize);
      state = next.subarray(0, size * this.pageSize);
      this.#open = [];
      this.committed = this.end;
      onCommit(this.end, state);
    }
    return state;
  }
}

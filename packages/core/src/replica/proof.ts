// What Litewake states about a segment or snapshot beside its content: a small record in an LZ4 skippable frame before
// the frame, which Litestream's readers pass over (formats.md A3). It proves what bytes alone cannot: where the index
// before ended, and how far a snapshot reaches.
import { crc32 } from "node:zlib";
import { encodeSkippableFrame } from "../codec/lz4-frame.ts";
import { LitewakeError } from "../errors.ts";
import { isGeneration } from "./position.ts";

/** Stated by the segment at offset 0 of an index. */
export interface SegmentProof {
  readonly version: 1;
  /** Where the segment belongs: under another name it is refused. Proofs of the first form lack both. */
  readonly generation?: string;
  readonly index?: number;
  /** A fence (shipping/fence.ts): no WAL, on purpose, at this offset. Any other segment without a byte is damage. */
  readonly fence?: number;
  /**
   * Of a fence: the places at which the history before it has its present state, also before other fences; a restore can stop
   * at the first. Offset 0 stands for the snapshot of that index alone, wherever that ends.
   */
  readonly follows?: readonly { readonly index: number; readonly offset: number }[];
  /** The end of the index before: bytes of uncompressed WAL, and the checksum of its last frame (of its header: no frame). */
  readonly previous?: {
    readonly index: number;
    readonly end: number;
    readonly s1: number;
    readonly s2: number;
  };
}

/** Stated by a snapshot. */
export interface SnapshotProof {
  readonly version: 1;
  /** Where the snapshot belongs; proofs of the first form lack it. */
  readonly generation?: string;
  /** The copy holds pages up to this place; a restore that ends before it would mix ages. */
  readonly position: { readonly index: number; readonly offset: number };
  /**
   * Salts of the WAL in which the place lies. Where the index turned out to be a later WAL (everything of this one was in
   * the copy and nothing of it was shipped), the place is before the index's first byte.
   */
  readonly salts?: readonly [salt1: number, salt2: number];
  readonly pageSize: number;
  /** Pages of the file that was copied. */
  readonly pages: number;
  /** Of the uncompressed copy, lower-case hexadecimal. */
  readonly sha256?: string;
  /** Stated by the first snapshot of a generation: those that it takes the place of, also ones that were only begun. */
  readonly supersedes?: readonly string[];
}

/** Generations that a proof names at the most. */
export const MAX_SUPERSEDED = 32;

const MAGIC = Buffer.from("LWP1", "latin1");
const HEAD_BYTES = MAGIC.byteLength + 4;

/** A whole skippable frame: magic, CRC-32 (big-endian) of the text, JSON. Goes before the LZ4 frame. */
export function encodeProof(proof: SegmentProof | SnapshotProof): Uint8Array {
  const text = Buffer.from(JSON.stringify(proof), "utf8");
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(text));
  return encodeSkippableFrame(Buffer.concat([MAGIC, sum, text]));
}

/**
 * The proof of a segment among the payloads of an object's skippable frames. `undefined`: there is none (Litestream
 * wrote the object). Fields that are not known are passed over. Throws kind `damaged` where a proof of ours is broken.
 */
export function decodeSegmentProof(payloads: readonly Uint8Array[]): SegmentProof | undefined {
  const record = decode(payloads);
  if (record === undefined) return undefined;
  const { previous } = record;
  const own = {
    version: 1 as const,
    ...generationOf(record),
    ...(record["index"] === undefined ? {} : { index: count(record, "index") }),
    ...(record["fence"] === undefined ? {} : { fence: count(record, "fence") }),
    ...(record["follows"] === undefined ? {} : { follows: placesOf(record["follows"]) }),
  };
  if (previous === undefined) return own;
  if (!isRecord(previous)) throw broken("its field previous is no record");
  return {
    ...own,
    previous: {
      index: count(previous, "index"),
      end: count(previous, "end"),
      s1: count(previous, "s1"),
      s2: count(previous, "s2"),
    },
  };
}

/** The proof of a snapshot; as `decodeSegmentProof`. */
export function decodeSnapshotProof(payloads: readonly Uint8Array[]): SnapshotProof | undefined {
  const record = decode(payloads);
  if (record === undefined) return undefined;
  const { position, salts, sha256, supersedes } = record;
  if (!isRecord(position)) throw broken("its field position is no record");
  if (sha256 !== undefined && (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256))) {
    throw broken("its field sha256 is no SHA-256");
  }
  if (salts !== undefined && !isPair(salts)) throw broken("its field salts is no pair of numbers");
  if (supersedes !== undefined && !isGenerations(supersedes))
    throw broken("its field supersedes is no list of generations");
  return {
    version: 1,
    ...generationOf(record),
    ...(supersedes === undefined ? {} : { supersedes }),
    ...(salts === undefined ? {} : { salts }),
    position: { index: count(position, "index"), offset: count(position, "offset") },
    pageSize: count(record, "pageSize"),
    pages: count(record, "pages"),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

function placesOf(value: unknown): { index: number; offset: number }[] {
  if (!Array.isArray(value) || value.length > 4 || !value.every(isRecord)) throw broken("its field follows is no list");
  return value.map((place) => ({ index: count(place, "index"), offset: count(place, "offset") }));
}

function isGenerations(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_SUPERSEDED) return false;
  return value.every((name) => typeof name === "string" && isGeneration(name));
}

type Fields = Readonly<Record<string, unknown>>;

function decode(payloads: readonly Uint8Array[]): Fields | undefined {
  for (const payload of payloads) {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    if (bytes.byteLength < HEAD_BYTES || !bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) continue;
    const text = bytes.subarray(HEAD_BYTES);
    if (bytes.readUInt32BE(MAGIC.byteLength) !== crc32(text)) throw broken("its checksum is wrong");
    let value: unknown;
    try {
      value = JSON.parse(text.toString("utf8"));
    } catch (cause) {
      throw broken("it is no JSON", cause);
    }
    if (!isRecord(value)) throw broken("it is no record");
    return value;
  }
  return undefined;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPair(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((salt) => Number.isInteger(salt));
}

function generationOf({ generation }: Fields): { generation?: string } {
  if (generation === undefined) return {};
  if (typeof generation !== "string" || !isGeneration(generation)) throw broken("its field generation is none");
  return { generation };
}

function count(record: Fields, name: string): number {
  const value = record[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw broken(`its field ${name} is no count`);
  return value;
}

function broken(why: string, cause?: unknown): LitewakeError {
  return new LitewakeError("damaged", `the proof beside the content is broken: ${why}`, { cause });
}

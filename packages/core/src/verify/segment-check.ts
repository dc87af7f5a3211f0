// Proves the segments of one generation in one pass, and goes on behind damage: every segment is judged, not only those
// before the first bad one.
import { LitewakeError } from "../errors.ts";
import { segmentKey } from "../replica/layout.ts";
import type { Generation } from "../replica/position.ts";
import type { SegmentTable } from "../replica/segment-table.ts";
import { decodeSegmentProof } from "../replica/proof.ts";
import { holeBefore } from "../restore/plan.ts";
import { RestoreRefusal } from "../restore/refusal.ts";
import type { SegmentStream } from "../restore/segment-streams.ts";
import { unreadable } from "../restore/unreadable.ts";
import { type ProvenFrames, WalVerifier } from "../restore/wal-verifier.ts";
import { FRAME_HEADER_BYTES, frameBytes, parseFrameHeader } from "../wal/frame.ts";
import type { ChainState } from "../wal/frame-chain.ts";
import type { RawFinding } from "./finding.ts";

/** A segment that a restore coming from before it cannot get past. */
export interface Break {
  /** Its place in the table. */
  readonly at: number;
  /** The segment itself is bad, so that a restore cannot begin with it either. */
  readonly own: boolean;
  /** Something before it is gone: a restore that ends there is refused, since that may have been wanted. */
  readonly hole: boolean;
}

export interface SegmentEnd {
  /** One past its last commit. */
  readonly committed: number;
  /** Frames of a transaction stand behind that, whose commit is not in this segment. */
  readonly isOpen: boolean;
}

const nowhere: ProvenFrames = { begin: () => {}, frame: () => {}, bytes: () => {}, endIndex: () => {} };

type Form = Pick<ChainState, "pageSize" | "littleEndian">;

/** Takes the segments in order. */
export class SegmentCheck {
  readonly breaks: Break[] = [];
  /** Whether the end of every index that was left is stated by the next one. */
  provenEnds = true;
  readonly #generation: Generation;
  readonly #table: SegmentTable;
  readonly #tell: (finding: RawFinding) => void;
  #verifier: WalVerifier | undefined;
  /** As the last header that was read says. */
  #form: Form | undefined;
  /** Salts of the present index, where its header was read. */
  #salts: { readonly index: number; readonly salt1: number; readonly salt2: number } | undefined;
  #before: { readonly index: number; readonly offset: number };
  /** The first bytes of a segment that stands behind damage: its first frame says what the next must continue. */
  #waiting: { readonly index: number; readonly offset: number; readonly form: Form; parts: Uint8Array } | undefined;

  /** `snapshot`: index of the first snapshot. */
  constructor(generation: Generation, snapshot: number, table: SegmentTable, tell: (finding: RawFinding) => void) {
    this.#generation = generation;
    this.#table = table;
    this.#tell = tell;
    this.#verifier = new WalVerifier(generation, snapshot, nowhere);
    this.#before = { index: snapshot, offset: -1 };
  }

  /** Reads a segment to its end. Undefined: it is not proved. Throws failures of the store. */
  async take(stream: SegmentStream): Promise<SegmentEnd | undefined> {
    const { at, segment } = stream;
    this.#lookForHole(at, segment);
    this.#lookForGap(at, segment);
    this.#before = segment;
    try {
      await this.#read(stream);
    } catch (error) {
      this.#damaged(stream, error);
      return undefined;
    }
    const verifier = this.#verifier;
    const form = verifier?.form;
    if (verifier === undefined) return undefined;
    // A fence at the beginning of an index: nothing is there, and nothing is missing.
    if (form === undefined) return { committed: 0, isOpen: false };
    this.#form = form;
    this.#salts = { index: segment.index, salt1: form.salt1, salt2: form.salt2 };
    return { committed: verifier.committed, isOpen: verifier.committed < verifier.end };
  }

  /** Page size as the headers read so far say. */
  get pageSize(): number | undefined {
    return this.#form?.pageSize;
  }

  /** Frames after the last commit of all. */
  finish(): number {
    const end = this.#verifier?.finish();
    return end?.openFrames ?? 0;
  }

  // What the listing alone shows. Other holes show when the segment before was read.
  #lookForHole(at: number, segment: { readonly index: number; readonly offset: number }): void {
    const hole = holeBefore(segment, this.#before.index, this.#before.offset);
    if (hole === undefined) return;
    const { what, index, offset } = hole;
    const own = index === segment.index;
    this.breaks.push({ at, own, hole: true });
    this.#tell({ kind: "damage", index, offset, key: segmentKey(this.#generation, index, offset), what, segment: at });
    // What ends the index before cannot be compared any more.
    this.#verifier = undefined;
  }

  // By their names, before the segment is read: it may be unreadable itself.
  #lookForGap(at: number, { index, offset }: { readonly index: number; readonly offset: number }): void {
    const end = this.#before.index === index && this.#before.offset >= 0 ? this.#verifier?.end : undefined;
    if (end === undefined || offset <= end) return;
    this.#verifier = undefined;
    this.breaks.push({ at, own: false, hole: true });
    const key = segmentKey(this.#generation, index, end);
    this.#tell({ kind: "damage", index, offset: end, key, what: "missing WAL segment", segment: at });
  }

  async #read(stream: SegmentStream): Promise<void> {
    let begun = false;
    await stream.read((plain) => {
      if (!begun) this.#begin(stream);
      begun = true;
      this.#push(plain);
    });
    if (!begun) this.#begin(stream);
    if (this.#waiting !== undefined) throw new LitewakeError("damaged", "it ends in the middle of a frame");
    this.#verifier?.endSegment();
  }

  #begin({ at, segment, skippable }: SegmentStream): void {
    const { index, offset } = segment;
    const proof = decodeSegmentProof(skippable());
    this.#waiting = undefined;
    if (this.#verifier !== undefined) {
      const { end } = this.#verifier;
      const changesIndex = offset === 0 && this.#salts !== undefined && this.#salts.index !== index;
      if (changesIndex && proof?.previous === undefined) this.provenEnds = false;
      try {
        this.#verifier.begin(index, offset, proof);
        return;
      } catch (error) {
        if (!(error instanceof RestoreRefusal)) throw error;
        this.#broken({ at, own: false, hole: changesIndex && (proof?.previous?.end ?? 0) > end }, error);
      }
    }
    this.#verifier = undefined;
    if (offset === 0) {
      const verifier = new WalVerifier(this.#generation, index, nowhere);
      verifier.begin(index, offset, proof);
      this.#verifier = verifier;
    } else if (this.#form !== undefined) {
      this.#waiting = { index, offset, form: this.#form, parts: new Uint8Array(0) };
    }
  }

  /** The segment does not continue what was before it; it may be sound by itself. */
  #broken(found: Break, { what, place }: RestoreRefusal): void {
    const { at } = found;
    this.breaks.push(found);
    const { index = 0, offset = 0 } = place;
    this.#tell({ kind: "damage", index, offset, key: this.#keyOf(index, offset, at), what, segment: at });
  }

  #keyOf(index: number, offset: number, at: number): string {
    const key = segmentKey(this.#generation, index, offset);
    return index === this.#before.index && offset === this.#before.offset ? this.#table.keyAt(at) : key;
  }

  #push(chunk: Uint8Array): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#verifier?.push(chunk);
      return;
    }
    const size = frameBytes(waiting.form.pageSize);
    waiting.parts = Buffer.concat([waiting.parts, chunk]);
    if (waiting.parts.byteLength < size) return;
    this.#waiting = undefined;
    const head = new DataView(waiting.parts.buffer, waiting.parts.byteOffset, FRAME_HEADER_BYTES);
    const { salt1, salt2 } = parseFrameHeader(head, 0);
    const { index, offset, form } = waiting;
    const salts = this.#salts?.index === index ? this.#salts : undefined;
    if (salts !== undefined && (salts.salt1 !== salt1 || salts.salt2 !== salt2)) {
      const place = { generation: this.#generation, index, offset };
      throw new RestoreRefusal("damaged", "a frame does not continue the chain (salt)", place);
    }
    const chain = { ...form, salt1, salt2, checksum: { s1: head.getUint32(16), s2: head.getUint32(20) } };
    this.#verifier = WalVerifier.resumed(this.#generation, { index, offset: offset + size }, chain, nowhere);
    this.#verifier.push(waiting.parts.subarray(size));
  }

  #damaged({ at, segment }: SegmentStream, error: unknown): void {
    const { index, offset } = segment;
    const place = { generation: this.#generation, index, offset };
    const refusal = unreadable(error, "segment", place);
    if (!(refusal instanceof RestoreRefusal)) throw refusal;
    this.#verifier = undefined;
    this.#waiting = undefined;
    this.breaks.push({ at, own: true, hole: false });
    this.#tell({
      kind: "damage",
      index,
      offset: refusal.place.offset ?? offset,
      key: this.#table.keyAt(at),
      what: refusal.what,
      segment: at,
    });
  }
}

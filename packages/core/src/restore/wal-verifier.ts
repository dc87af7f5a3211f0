// Proves the WAL of a restore from its first byte to its last commit: contiguity, salts, the checksum chain of each
// index, and where each index ends.
import type { SegmentProof } from "../replica/proof.ts";
import type { Generation } from "../replica/position.ts";
import { type WalChecksum, ZERO_CHECKSUM } from "../wal/checksum.ts";
import { type ChainState, FrameChain } from "../wal/frame-chain.ts";
import { parseWalHeader, WAL_HEADER_BYTES } from "../wal/header.ts";
import { formatIndex, RestoreRefusal } from "./refusal.ts";
import { WalOrder } from "./wal-order.ts";

/** Receives what was proved. */
export interface ProvenFrames {
  /** The page size of all indexes, before the first frame. */
  begin(pageSize: number): void;
  frame(page: number, commitPages: number): void;
  /** The bytes of the frames just named, whole. Valid during the call only. */
  bytes(frames: Uint8Array): void;
  /** The index is at its end; frames after its last commit do not count. */
  endIndex(): void;
}

/** What is known of the segments once all were pushed. */
export interface WalEnd {
  readonly index: number;
  /** One past the last commit. */
  readonly offset: number;
  /**
   * The same state as an exact restore reaches it. While the newest index holds nothing, as behind a fence, that is where the one
   * before it ended; where nothing was in that either, the beginning of the first.
   */
  readonly exact: { readonly index: number; readonly offset: number };
  /** Frames after the last commit, which the restore leaves out: a transaction whose commit was not shipped. */
  readonly openFrames: number;
  /** That transaction was shipped whole once: Litewake ends each segment on a commit. */
  readonly isCutOff: boolean;
  /** The first index whose beginning does not prove the end of the one before; `undefined`: all do. */
  readonly unprovenFrom: number | undefined;
  readonly pageSize: number | undefined;
  /** Where the bytes end, and the chain there: what the next segment has to follow. */
  readonly tail: { readonly index: number; readonly offset: number; readonly checksum: WalChecksum };
  /** Of the first index's WAL; `undefined` where there is none. */
  readonly firstSalts: readonly [number, number] | undefined;
}

/**
 * Takes the segments of a plan in order: `begin`, `push` for each chunk, `end`; at last `finish`. Throws
 * `RestoreRefusal` of kind `damaged` at the first byte that is not proved.
 *
 * A segment that ends in the middle of a transaction is accepted where the next one goes on with a valid chain
 * (Litestream may cut there while a transaction is being copied), or where it is the last of all: then the restore ends
 * on the commit before. One that ends inside a frame is not: no writer cuts there.
 */
export class WalVerifier {
  readonly #generation: Generation;
  readonly #sink: ProvenFrames;
  #index: number;
  #offset = 0;
  #chain: FrameChain | undefined;
  #carry: Uint8Array = new Uint8Array(0);
  #carried = 0;
  #openFrames = 0;
  #pageSize: number | undefined;
  #unprovenFrom: number | undefined;
  #segmentAt = 0;
  #segmentIndex: number;
  #isEmpty = true;
  /** Litewake wrote the index: each of its segments ends on a commit. */
  #isOurs = false;
  readonly #firstIndex: number;
  /** Where the last index that holds anything ended. */
  #before: { readonly index: number; readonly offset: number };
  #firstSalts: readonly [number, number] | undefined;
  readonly #order = new WalOrder();

  /** `index` is the snapshot's. */
  constructor(generation: Generation, index: number, sink: ProvenFrames) {
    this.#generation = generation;
    this.#index = index;
    this.#segmentIndex = index;
    this.#firstIndex = index;
    this.#before = { index, offset: 0 };
    this.#sink = sink;
  }

  /**
   * Goes on in the middle of an index whose beginning cannot be proved: what follows is proved on the word of the frame that
   * ends at `place`.
   */
  static resumed(
    generation: Generation,
    place: { readonly index: number; readonly offset: number },
    chain: ChainState,
    sink: ProvenFrames,
  ): WalVerifier {
    const verifier = new WalVerifier(generation, place.index, sink);
    verifier.#offset = place.offset;
    verifier.#chain = new FrameChain(chain);
    verifier.#pageSize = chain.pageSize;
    verifier.#segmentAt = place.offset;
    sink.begin(chain.pageSize);
    return verifier;
  }

  /** How the frames of this index are made, once its header was read. */
  get form(): ChainState | undefined {
    return this.#chain?.state;
  }

  /** One past the last byte that was proved, in the present index. */
  get end(): number {
    return this.#offset;
  }

  /** One past the last commit so far, in the present index. */
  get committed(): number {
    return this.#offset - this.#openFrames * (this.#chain?.frameBytes ?? 0);
  }

  begin(index: number, offset: number, proof: SegmentProof | undefined): void {
    this.#segmentIndex = index;
    this.#segmentAt = offset;
    this.#isEmpty = proof?.fence !== offset;
    if (offset === 0) this.#isOurs = proof !== undefined;
    const previous = proof?.previous;
    const home = proof?.generation ?? this.#generation;
    if (home !== this.#generation) throw this.#refusal(`the segment belongs to generation ${home}`, offset, { index });
    if (proof?.index !== undefined && proof.index !== index) {
      throw this.#refusal(`the segment belongs to index ${formatIndex(proof.index)}`, offset, { index });
    }
    if (previous !== undefined && previous.index !== index - 1) {
      throw this.#refusal(`the segment belongs to index ${formatIndex(previous.index + 1)}`, offset, { index });
    }
    if (index !== this.#index) this.#beginIndex(index, previous);
    if (offset === this.#offset) return;
    if (offset > this.#offset) throw this.#refusal("missing WAL segment", this.#offset);
    throw this.#refusal(`the segment overlaps the one before it, which ends at ${this.#offset}`, offset);
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    this.#isEmpty = this.#isEmpty && chunk.byteLength === 0;
    while (rest.byteLength > 0) {
      if (this.#chain === undefined) rest = this.#fill(rest, WAL_HEADER_BYTES, (bytes) => this.#readHeader(bytes));
      else if (this.#carried > 0 || rest.byteLength < this.#chain.frameBytes) {
        rest = this.#fill(rest, this.#chain.frameBytes, (bytes) => this.#prove(bytes));
      } else {
        const whole = rest.byteLength - (rest.byteLength % this.#chain.frameBytes);
        this.#prove(rest.subarray(0, whole));
        rest = rest.subarray(whole);
      }
    }
  }

  /** The segment is at its end. */
  endSegment(): void {
    if (this.#isEmpty) throw this.#refusal("the segment is empty", this.#segmentAt, { index: this.#segmentIndex });
    if (this.#carried > 0) throw this.#refusal("the segment ends in the middle of a frame", this.#offset);
  }

  finish(): WalEnd {
    const end = {
      index: this.#index,
      offset: this.committed,
      exact: this.#offset === 0 ? this.#before : { index: this.#index, offset: this.committed },
      openFrames: this.#openFrames,
      isCutOff: this.#isOurs && this.#openFrames > 0,
      unprovenFrom: this.#unprovenFrom,
      pageSize: this.#pageSize,
      tail: {
        index: this.#index,
        offset: this.#offset,
        checksum: this.#chain?.state.checksum ?? ZERO_CHECKSUM,
      },
      firstSalts: this.#firstSalts,
    };
    this.#sink.endIndex();
    return end;
  }

  #beginIndex(index: number, previous: SegmentProof["previous"]): void {
    const end = this.#offset;
    if (this.#openFrames > 0) throw this.#refusal("missing tail of a WAL index: it ends inside a transaction", end);
    if (previous === undefined) this.#unprovenFrom ??= index;
    else if (previous.end > end) {
      throw this.#refusal(`missing tail of a WAL index: the next one proves that it ends at ${previous.end}`, end);
    } else if (previous.end < end || !endsWith(this.#chain, previous)) {
      // Which of the two is wrong, nothing tells.
      const doubt = { index: this.#index, offset: 0 };
      throw this.#refusal(`another WAL than the next index follows on: that one ended at ${previous.end}`, end, {
        doubt,
      });
    }
    if (previous !== undefined) this.#order.link(index);
    this.#sink.endIndex();
    if (end > 0) this.#before = { index: this.#index, offset: end };
    this.#index = index;
    this.#offset = 0;
    this.#chain = undefined;
  }

  #readHeader(bytes: Uint8Array): void {
    const header = parseWalHeader(bytes);
    if (header === undefined) throw this.#refusal("the index does not begin with a WAL header", 0);
    if (this.#pageSize !== undefined && header.pageSize !== this.#pageSize) {
      throw this.#refusal(`the page size is ${header.pageSize}, before it was ${this.#pageSize}`, 0);
    }
    const misorder = this.#order.take(this.#index, header);
    if (misorder !== undefined) {
      throw this.#refusal(misorder.what, 0, { doubt: { index: misorder.doubtFrom, offset: 0 } });
    }
    if (this.#index === this.#firstIndex) this.#firstSalts = [header.salt1, header.salt2];
    if (this.#pageSize === undefined) this.#sink.begin(header.pageSize);
    this.#pageSize = header.pageSize;
    this.#chain = FrameChain.fromHeader(header);
    this.#offset = WAL_HEADER_BYTES;
  }

  #prove(frames: Uint8Array): void {
    const chain = this.#chain;
    if (chain === undefined) throw new Error("frames before a header");
    const proven = chain.advance(frames, (page, commitPages) => {
      this.#openFrames = commitPages === 0 ? this.#openFrames + 1 : 0;
      this.#sink.frame(page, commitPages);
    });
    if (proven < frames.byteLength) {
      throw this.#refusal(`a frame does not continue the chain (${chain.broken})`, this.#offset + proven);
    }
    this.#offset += proven;
    this.#sink.bytes(frames);
  }

  // Collects bytes until there are `size` of them; returns what is left of the chunk.
  #fill(chunk: Uint8Array, size: number, full: (bytes: Uint8Array) => void): Uint8Array {
    if (this.#carry.byteLength < size) {
      const grown = new Uint8Array(size);
      grown.set(this.#carry.subarray(0, this.#carried));
      this.#carry = grown;
    }
    const part = chunk.subarray(0, size - this.#carried);
    this.#carry.set(part, this.#carried);
    this.#carried += part.byteLength;
    if (this.#carried === size) {
      this.#carried = 0;
      full(this.#carry.subarray(0, size));
    }
    return chunk.subarray(part.byteLength);
  }

  /** `doubt`: from where on the WAL must not be believed; by default from the segment at hand on. */
  #refusal(
    what: string,
    offset: number,
    { index = this.#index, doubt }: { index?: number; doubt?: { index: number; offset: number } } = {},
  ): RestoreRefusal {
    const inside = offset > this.#segmentAt && index === this.#segmentIndex;
    const where = inside ? `, in the segment at ${this.#segmentAt}` : "";
    const generation = this.#generation;
    const cut = doubt ?? { index: this.#segmentIndex, offset: this.#segmentAt };
    return new RestoreRefusal(
      "damaged",
      `${what}${where}`,
      { generation, index, offset },
      {
        fault: { kind: "wal", generation, ...cut },
      },
    );
  }
}

function endsWith(chain: FrameChain | undefined, previous: { readonly s1: number; readonly s2: number }): boolean {
  const { s1, s2 } = chain?.state.checksum ?? ZERO_CHECKSUM;
  return s1 === previous.s1 && s2 === previous.s2;
}

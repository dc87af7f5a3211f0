// Whether WALs can have followed one another as a replica has them.
import type { WalHeader } from "../wal/header.ts";
import { formatIndex } from "./refusal.ts";

/** Why not, and the first index that must not be believed then. */
export interface Misorder {
  readonly what: string;
  readonly doubtFrom: number;
}

/** Takes the header of each index in turn. */
export class WalOrder {
  #before: WalHeader | undefined;
  /** Indexes that prove the end of the one before. */
  readonly #linked = new Set<number>();
  /** The index of each WAL so far, by its salts. */
  readonly #seen = new Map<string, number>();

  /** The index proves where the one before it ended. */
  link(index: number): void {
    this.#linked.add(index);
  }

  /** `undefined`: nothing speaks against it. */
  take(index: number, header: WalHeader): Misorder | undefined {
    const before = this.#before;
    this.#before = header;
    if (before !== undefined && goesBack(before, header)) {
      const what = "the index holds an older WAL than the one before it";
      return { what, doubtFrom: this.#doubtful(index - 1, index) };
    }
    const salts = `${header.salt1}/${header.salt2}`;
    const twin = this.#seen.get(salts);
    this.#seen.set(salts, index);
    if (twin === undefined) return undefined;
    const what = `the index holds the same WAL as index ${formatIndex(twin)}`;
    return { what, doubtFrom: this.#doubtful(twin, index) };
  }

  // Which of two is the wrong one: the later, where the earlier is known to follow what was before it.
  #doubtful(earlier: number, later: number): number {
    return this.#linked.has(earlier) ? later : earlier;
  }
}

/**
 * Where salt-1 and the checkpoint sequence have risen by the same amount, the two headers are of one WAL file, restarted
 * (formats.md C6.7); it cannot go back. Made-up WALs of unrelated salts are legal.
 */
function goesBack(before: WalHeader, now: WalHeader): boolean {
  const rise = (now.checkpointSequence - before.checkpointSequence) | 0;
  return rise < 0 && ((now.salt1 - before.salt1) | 0) === rise;
}

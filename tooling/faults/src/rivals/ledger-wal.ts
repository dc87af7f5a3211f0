// A database so small that a page is a row: each commit writes the next page. WAL files and copies in their real form, and
// what a restore, by the product's own rules and proofs, makes of them.
import type { ReplicaClient } from "../../../../packages/core/src/backend/client.ts";
import { Lz4FrameDecoder } from "../../../../packages/core/src/codec/lz4-frame.ts";
import { readCatalog } from "../../../../packages/core/src/replica/catalog.ts";
import type { Generation } from "../../../../packages/core/src/replica/position.ts";
import { decodeSegmentProof } from "../../../../packages/core/src/replica/proof.ts";
import { planGeneration } from "../../../../packages/core/src/restore/plan.ts";
import { chooseGeneration } from "../../../../packages/core/src/restore/target.ts";
import { WalVerifier } from "../../../../packages/core/src/restore/wal-verifier.ts";
import { RunningChecksum } from "../../../../packages/core/src/wal/checksum.ts";
import { FRAME_HEADER_BYTES } from "../../../../packages/core/src/wal/frame.ts";
import { encodeWalHeader, parseWalHeader } from "../../../../packages/core/src/wal/header.ts";

export const PAGE_BYTES = 512;

/** What was committed, in order: the page numbered n holds row n. */
export type Ledger = readonly string[];

function pageOf(row: string): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  new TextEncoder().encodeInto(row, page);
  return page;
}

function rowOf(page: Uint8Array): string {
  return new TextDecoder().decode(page).replace(/\0+$/, "");
}

export function copyOf(ledger: Ledger): Uint8Array {
  return Buffer.concat(ledger.map(pageOf));
}

/** One WAL file, growing by a frame with each commit. */
export class LedgerWal {
  readonly #sum: RunningChecksum;
  readonly #salts: readonly [number, number];
  #bytes: Buffer;

  constructor(salts: readonly [number, number]) {
    const [salt1, salt2] = salts;
    this.#salts = salts;
    const header = encodeWalHeader({ littleEndian: true, pageSize: PAGE_BYTES, checkpointSequence: 0, salt1, salt2 });
    this.#bytes = Buffer.from(header);
    this.#sum = new RunningChecksum(true, parseWalHeader(header)?.checksum);
  }

  get end(): number {
    return this.#bytes.byteLength;
  }

  get checksum(): { readonly s1: number; readonly s2: number } {
    return this.#sum.value;
  }

  slice(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  commit(row: string, pages: number): void {
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + PAGE_BYTES);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    view.setUint32(0, pages);
    view.setUint32(4, pages);
    view.setUint32(8, this.#salts[0]);
    view.setUint32(12, this.#salts[1]);
    frame.set(pageOf(row), FRAME_HEADER_BYTES);
    this.#sum.add(view, 0, 8);
    this.#sum.add(view, FRAME_HEADER_BYTES, PAGE_BYTES);
    view.setUint32(16, this.#sum.value.s1);
    view.setUint32(20, this.#sum.value.s2);
    this.#bytes = Buffer.concat([this.#bytes, frame]);
  }
}

export interface RestoredLedger {
  readonly generation: Generation;
  readonly rows: Ledger;
  readonly index: number;
  readonly offset: number;
}

/** Restores as the product does: the same choice, the same proof. `undefined`: there is no backup. Throws its refusals. */
export async function restoredLedger(client: ReplicaClient, of?: Generation): Promise<RestoredLedger | undefined> {
  const catalog = await readCatalog(client);
  if (catalog.generations.length === 0) return undefined;
  const target = of === undefined ? {} : { generation: of };
  const plan = planGeneration(chooseGeneration(catalog, target), target);
  const pages = new Map<number, string>();
  const copy = (await decoded(client, plan.snapshot.key)).bytes;
  for (let at = 0; at < copy.byteLength; at += PAGE_BYTES)
    pages.set(at / PAGE_BYTES + 1, rowOf(copy.subarray(at, at + PAGE_BYTES)));
  let size = copy.byteLength / PAGE_BYTES;
  let named: number[] = [];
  const verifier = new WalVerifier(plan.generation, plan.snapshot.index, {
    begin: () => {},
    frame: (page, commit) => {
      named.push(page);
      if (commit > 0) size = commit;
    },
    bytes: (frames) => {
      for (const [n, page] of named.entries()) {
        const at = n * (FRAME_HEADER_BYTES + PAGE_BYTES) + FRAME_HEADER_BYTES;
        pages.set(page, rowOf(frames.subarray(at, at + PAGE_BYTES)));
      }
      named = [];
    },
    endIndex: () => {},
  });
  const { table, first, end } = plan.segments;
  for (let at = first; at < end; at++) {
    const { bytes, skippable } = await decoded(client, table.keyAt(at));
    verifier.begin(table.indexAt(at), table.offsetAt(at), decodeSegmentProof(skippable));
    verifier.push(bytes);
    verifier.endSegment();
  }
  const { index, offset } = verifier.finish();
  const rows = Array.from({ length: size }, (_, n) => pages.get(n + 1) ?? "missing");
  return { generation: plan.generation, rows, index, offset };
}

async function decoded(client: ReplicaClient, key: string) {
  const decoder = new Lz4FrameDecoder();
  const parts: Uint8Array[] = [];
  for await (const stored of await client.get(key)) parts.push(...decoder.push(stored));
  decoder.end();
  return { bytes: Buffer.concat(parts), skippable: decoder.skippable };
}

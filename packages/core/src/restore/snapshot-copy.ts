// Writes a snapshot straight into the output while it arrives, and judges what it was.
import { createHash, type Hash } from "node:crypto";
import type { SnapshotProof } from "../replica/proof.ts";
import { isPageSize } from "../wal/header.ts";
import type { OutputFile } from "./output-file.ts";
import { type RefusedPlace, RestoreRefusal } from "./refusal.ts";

const MAGIC = Buffer.from("SQLite format 3\0", "latin1");
const HEAD_BYTES = 100;

/** What a snapshot turned out to be. */
export interface CopiedSnapshot {
  readonly bytes: number;
  /** `undefined`: the database was empty. */
  readonly pageSize: number | undefined;
  readonly proof: SnapshotProof | undefined;
}

/** Copies all chunks. `proof` is asked for once the first of them, or the end, has come. */
export async function copySnapshot(
  chunks: AsyncIterable<Uint8Array>,
  proof: () => SnapshotProof | undefined,
  output: OutputFile,
  place: RefusedPlace,
): Promise<CopiedSnapshot> {
  const head = Buffer.alloc(HEAD_BYTES);
  let bytes = 0;
  let hash: Hash | undefined;
  for await (const chunk of chunks) {
    if (bytes === 0 && proof()?.sha256 !== undefined) hash = createHash("sha256");
    hash?.update(chunk);
    if (bytes < HEAD_BYTES) head.set(chunk.subarray(0, HEAD_BYTES - bytes), bytes);
    await output.write(chunk, bytes);
    bytes += chunk.byteLength;
  }
  const stated = proof();
  const pageSize = bytes === 0 ? undefined : pageSizeOf(head.subarray(0, bytes));
  const fault = findFault(bytes, pageSize, stated, hash?.digest("hex"));
  if (fault !== undefined) throw new RestoreRefusal("damaged", `the snapshot ${fault}`, place);
  return { bytes, pageSize, proof: stated };
}

function findFault(
  bytes: number,
  pageSize: number | undefined,
  proof: SnapshotProof | undefined,
  sha256: string | undefined,
): string | undefined {
  if (bytes > 0 && pageSize === undefined) return "is no SQLite database";
  if (pageSize !== undefined && bytes % pageSize !== 0) return `ends inside a page, after ${bytes} bytes`;
  if (proof === undefined) return undefined;
  if (pageSize !== undefined && pageSize !== proof.pageSize) {
    return `has pages of ${pageSize} bytes, its proof says ${proof.pageSize}`;
  }
  if (bytes !== proof.pages * proof.pageSize) {
    return `has ${bytes} bytes, its proof says ${proof.pages * proof.pageSize}`;
  }
  if (proof.sha256 !== undefined && sha256 !== undefined && sha256 !== proof.sha256) {
    return "is not what its proof says (SHA-256)";
  }
  return undefined;
}

// SQLite file format, section 1.3: offset 16, two bytes; 1 stands for 65536.
function pageSizeOf(head: Buffer): number | undefined {
  if (head.byteLength < HEAD_BYTES || !head.subarray(0, MAGIC.byteLength).equals(MAGIC)) return undefined;
  const stored = head.readUInt16BE(16);
  const size = stored === 1 ? 65_536 : stored;
  return isPageSize(size) ? size : undefined;
}

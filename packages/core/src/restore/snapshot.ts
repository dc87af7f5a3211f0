// Judges a snapshot that was copied into the output.
import { decodeSnapshotProof, type SnapshotProof } from "../replica/proof.ts";
import type { Generation } from "../replica/position.ts";
import { isPageSize } from "../wal/header.ts";
import { type CopiedObject, HEAD_BYTES } from "./object-copy.ts";
import { formatIndex, RestoreRefusal } from "./refusal.ts";

const MAGIC = Buffer.from("SQLite format 3\0", "latin1");

/** What a snapshot turned out to be. */
export interface CopiedSnapshot {
  readonly bytes: number;
  /** `undefined`: the database was empty. */
  readonly pageSize: number | undefined;
  readonly proof: SnapshotProof | undefined;
}

export interface SnapshotPlace {
  readonly generation: Generation;
  readonly index: number;
}

/** Judges what was copied. Throws `RestoreRefusal` where it is no whole database, or not what its proof says. */
export function judgeSnapshot({ bytes, head, sha256, skippable }: CopiedObject, place: SnapshotPlace): CopiedSnapshot {
  const proof = decodeSnapshotProof(skippable);
  const pageSize = bytes === 0 ? undefined : pageSizeOf(Buffer.from(head));
  const fault = foreignHome(proof, place) ?? findFault(bytes, pageSize, proof, sha256);
  if (fault !== undefined) {
    throw new RestoreRefusal("damaged", `the snapshot ${fault}`, place, { fault: { kind: "snapshot", ...place } });
  }
  return { bytes, pageSize, proof };
}

/** What lies under another's name would be taken for a state that it is not; undefined: it is where it belongs. */
export function foreignHome(
  proof: SnapshotProof | undefined,
  { generation, index }: SnapshotPlace,
): string | undefined {
  const home = proof?.generation ?? generation;
  if (home !== generation) return `belongs to generation ${home}`;
  if (proof !== undefined && proof.position.index !== index) {
    return `belongs to index ${formatIndex(proof.position.index)}`;
  }
  return undefined;
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

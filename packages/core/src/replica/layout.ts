// Names of objects in a replica: Litestream 0.3's layout (formats.md A1), and where Litewake's own objects lie.
import { type Generation, isGeneration, MAX_INDEX } from "./position.ts";

export const GENERATIONS_PREFIX = "generations/";
/** Everything of Litewake's own lies here, where Litestream never looks. */
export const OWN_PREFIX = "litewake/";

/** Whether a key is of one of Litewake's own objects, in a replica or in a folder of a fleet: those are JSON. */
export function isOwnKey(key: string): boolean {
  return /(?:^|\/)litewake\/.+\.json$/s.test(key);
}

const snapshotPattern = /^([0-9a-f]{8})\.snapshot\.lz4$/;
// Litestream writes offsets with a minimum of eight digits; from 4 GiB on there are nine, which its own listing then
// skips. Eight to sixteen are read here, so that such a replica is restored whole (formats.md C2).
const segmentPattern = /^([0-9a-f]{8})_([0-9a-f]{8,16})\.wal\.lz4$/;

export interface SnapshotName {
  readonly kind: "snapshot";
  readonly generation: Generation;
  readonly index: number;
}

export interface SegmentName {
  readonly kind: "segment";
  readonly generation: Generation;
  readonly index: number;
  /** Bytes into the uncompressed WAL file. */
  readonly offset: number;
}

export type ReplicaName = SnapshotName | SegmentName;

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Where the snapshots of a generation lie, with a slash at the end. */
export function snapshotsPrefix(generation: Generation): string {
  return `${GENERATIONS_PREFIX}${generation}/snapshots/`;
}

export function snapshotKey(generation: Generation, index: number): string {
  return `${snapshotsPrefix(generation)}${hex8(index)}.snapshot.lz4`;
}

export function segmentKey(generation: Generation, index: number, offset: number): string {
  return `${GENERATIONS_PREFIX}${generation}/wal/${hex8(index)}_${hex8(offset)}.wal.lz4`;
}

/** Reads a key of Litestream's layout. `undefined`: not a name of the layout (a leftover, or foreign). */
export function parseKey(key: string): ReplicaName | undefined {
  const parts = key.split("/");
  const [root, generation, folder, name] = parts;
  if (parts.length !== 4 || root !== "generations" || generation === undefined || name === undefined) return undefined;
  if (!isGeneration(generation)) return undefined;
  if (folder === "snapshots") {
    const match = snapshotPattern.exec(name);
    if (match?.[1] === undefined) return undefined;
    const index = Number.parseInt(match[1], 16);
    return index > MAX_INDEX ? undefined : { kind: "snapshot", generation, index };
  }
  if (folder === "wal") {
    const match = segmentPattern.exec(name);
    if (match?.[1] === undefined || match[2] === undefined) return undefined;
    const index = Number.parseInt(match[1], 16);
    const offset = Number.parseInt(match[2], 16);
    if (index > MAX_INDEX || !Number.isSafeInteger(offset)) return undefined;
    return { kind: "segment", generation, index, offset };
  }
  return undefined;
}

const ltxPattern = /^(?:ltx\/[0-9]+|[0-9a-f]{4})\/[0-9a-f]{16}-[0-9a-f]{16}\.ltx$/;

/** Whether a key is of Litestream 0.5's LTX form, in either of its two layouts (formats.md D1). */
export function isLtxKey(key: string): boolean {
  return ltxPattern.test(key);
}

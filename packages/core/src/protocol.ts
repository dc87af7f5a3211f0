// The pure face of core: bytes and names, no input or output.
export { RunningChecksum, type WalChecksum, ZERO_CHECKSUM } from "./wal/checksum.ts";
export {
  encodeWalHeader,
  isPageSize,
  parseWalHeader,
  sameWal,
  WAL_HEADER_BYTES,
  type WalHeader,
} from "./wal/header.ts";
export {
  FRAME_HEADER_BYTES,
  frameAlign,
  frameBytes,
  type FrameHeader,
  framesBefore,
  lockPageNumber,
  offsetOfFrames,
  parseFrameHeader,
} from "./wal/frame.ts";
export { type ChainBreak, type ChainState, FrameChain, type FrameVisitor } from "./wal/frame-chain.ts";
export {
  comparePlaces,
  formatPosition,
  type Generation,
  isGeneration,
  MAX_INDEX,
  MAX_INDEX_BYTES,
  newGeneration,
  type Position,
} from "./replica/position.ts";
export {
  GENERATIONS_PREFIX,
  isLtxKey,
  OWN_PREFIX,
  parseKey,
  type ReplicaName,
  segmentKey,
  type SegmentName,
  snapshotKey,
  type SnapshotName,
} from "./replica/layout.ts";

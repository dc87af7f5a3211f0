// What no byte of a replica can show. Each class is named and counted apart; anything else that is wrong is a broken promise.
import { decompressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { xxh32 } from "../../../../packages/core/src/codec/xxh32.ts";
import type { RestoreResult } from "@litewake/core";
import { snapshotKey } from "@litewake/core/protocol";
import type { DamagedReplica } from "./damaged-replica.ts";
import { isSame } from "./objects.ts";
import { headOf } from "./stored-form.ts";

/** Why nothing could show that a restored state is wrong; undefined: something could have. */
export function unprovable(replica: DamagedReplica, result: RestoreResult): string | undefined {
  const { shape, objects, target } = replica;
  const key = snapshotKey(result.position.generation, result.snapshotIndex);
  const stored = objects.get(key)?.bytes;
  const sound = shape.truth.byKey.get(key);
  if (stored === undefined) return undefined;
  const content = plainOf(stored);
  if (content === undefined || !isChecked(stored, content)) return undefined;
  const isProofless = !Buffer.from(stored.subarray(0, 64)).includes("LWP1");
  if (sound === undefined) {
    if (isProofless) return "a snapshot that states nothing lies under another name";
    return shape.proofs === "old" ? "a snapshot whose proof names no generation lies in another one" : undefined;
  }
  if (!isSame(content, sound.plain)) {
    return isProofless
      ? "a snapshot that states nothing holds another database, in a sound frame"
      : "a snapshot holds other pages, in a sound frame and of the same number";
  }
  if (target.timestamp !== undefined && hasStranger(replica, result))
    return "an object of another generation dates this one";
  if (shape.proofs === "none" && isMisplaced(replica, result))
    return "a segment that states nothing lies under another name";
  if (holdsLater(shape, objects)) return "an object holds later commits than its date says";
  // Nothing is known to be missing; where something is, the product must not believe such a snapshot.
  if (shape.proofs === "none" && result.bestEffort === undefined && reachesFurther(shape, key, result)) {
    return "a snapshot does not state up to where it reaches, and the WAL up to there is gone";
  }
  if (shape.proofs === "none" && !result.provenEnds) return "no index states where the one before it ended";
  return undefined;
}

/** Apart from the product's decoder: where the frame says that it ends with a checksum of its content, it does. */
function isChecked(stored: Uint8Array, content: Uint8Array): boolean {
  const frame = Buffer.from(stored.subarray(headOf(stored).byteLength));
  const hasChecksum = ((frame[4] ?? 0) & 0x04) !== 0;
  return !hasChecksum || frame.readUInt32LE(frame.byteLength - 4) === xxh32(content);
}

/** The newest object decides which generation a moment lies in; where it belongs shows only when it is read. */
function hasStranger({ shape, objects }: DamagedReplica, { position }: RestoreResult): boolean {
  return [...objects.keys()].some((key) => key.includes(position.generation) && !shape.objects.has(key));
}

/** The first segment of an index that was applied is another's; the chain binds only those after it. */
function isMisplaced({ shape, objects }: DamagedReplica, { position, snapshotIndex }: RestoreResult): boolean {
  return shape.truth.objects.some(({ key, kind, generation, index, offset, plain }) => {
    if (kind !== "segment" || offset !== 0 || generation !== position.generation) return false;
    if (index < snapshotIndex || index > position.index) return false;
    const content = plainOf(objects.get(key)?.bytes ?? new Uint8Array(0));
    return content !== undefined && !isSame(content, plain.subarray(0, content.byteLength));
  });
}

/** Two segments made one, by somebody who knew how. */
function holdsLater({ truth }: DamagedReplica["shape"], objects: DamagedReplica["objects"]): boolean {
  return [...objects].some(([key, { bytes }]) => {
    const sound = truth.byKey.get(key);
    if (sound?.kind !== "segment") return false;
    const content = plainOf(bytes);
    return content !== undefined && content.byteLength > sound.plain.byteLength;
  });
}

/** The copy holds pages of its own index beyond the restored place, without saying so. */
function reachesFurther(
  { truth }: DamagedReplica["shape"],
  key: string,
  { position, snapshotIndex }: RestoreResult,
): boolean {
  if (position.index !== snapshotIndex) return false;
  const copy = truth.byKey.get(key)?.plain;
  return [...truth.states].some(([place, states]) => {
    const [, index, offset] = /^[0-9a-f]+\/(\d+):(\d+)$/.exec(place) ?? [];
    const isFurther =
      place.startsWith(position.generation) && Number(index) === snapshotIndex && Number(offset) > position.offset;
    return isFurther && copy !== undefined && states.some((state) => state.equals(copy));
  });
}

function plainOf(stored: Uint8Array): Uint8Array | undefined {
  try {
    return decompressAll(stored);
  } catch {
    return undefined;
  }
}

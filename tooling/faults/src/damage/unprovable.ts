// What no byte of a replica can show. Each class is named and counted apart; anything else that is wrong is a broken promise.
import { decompressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import type { RestoreResult } from "@litewake/core";
import { snapshotKey } from "@litewake/core/protocol";
import type { DamagedReplica } from "./damaged-replica.ts";
import { isSame } from "./objects.ts";

/** Why nothing could show that a restored state is wrong; undefined: something could have. */
export function unprovable({ shape, objects }: DamagedReplica, result: RestoreResult): string | undefined {
  const key = snapshotKey(result.position.generation, result.snapshotIndex);
  const stored = objects.get(key)?.bytes;
  const sound = shape.truth.byKey.get(key);
  if (stored === undefined) return undefined;
  // The restore has read it: it is one whole frame, in a form that fits what stands before it.
  const content = decompressAll(stored);
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
  if (holdsLater(shape, objects)) return "an object holds later commits than its date says";
  if (shape.proofs === "none" && reachesFurther(shape, key, result)) {
    return "a snapshot does not state up to where it reaches, and the WAL up to there is gone";
  }
  if (shape.proofs === "none" && !result.provenEnds) return "no index states where the one before it ended";
  return undefined;
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

// Whether what is left of a replica shows that there was more than what was restored.
import { decompressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { decodeSegmentProof } from "../../../../packages/core/src/replica/proof.ts";
import { Lz4FrameDecoder } from "../../../../packages/core/src/codec/lz4-frame.ts";
import { parseKey } from "@litewake/core/protocol";
import type { DamagedReplica } from "./damaged-replica.ts";
import { before, type Place } from "./states.ts";
import type { GenerationPlace } from "./target.ts";

/** A name of the layout that the sound replica does not have. */
export function hasNewNames({ shape, objects }: DamagedReplica): boolean {
  return [...objects.keys()].some((key) => parseKey(key) !== undefined && !shape.objects.has(key));
}

/** The first thing that shows it. Objects that are there count, whatever is in them. */
export function visiblyLater(replica: DamagedReplica, reached: GenerationPlace): string | undefined {
  const { shape, objects, target } = replica;
  const untilMs = target.timestamp?.getTime() ?? Number.POSITIVE_INFINITY;
  const untilIndex = target.index ?? Number.POSITIVE_INFINITY;
  const newer = shape.truth.generations.slice(0, Math.max(0, shape.truth.generations.indexOf(reached.generation)));
  const isBehindYounger = behindYounger(replica, reached, untilMs);
  for (const [key, { bytes, modifiedAt }] of objects) {
    const name = parseKey(key);
    if (name === undefined) continue;
    const { generation, index } = name;
    if (name.kind === "segment" && generation === reached.generation && isBehindYounger(name)) continue;
    const isWithin = modifiedAt.getTime() <= untilMs && index <= untilIndex;
    if (isWithin && target.generation === undefined && newer.includes(generation)) return `${key} is there`;
    if (generation !== reached.generation) continue;
    if (name.kind === "snapshot") {
      if (isWithin && index > reached.index) return `${key} is there`;
      continue;
    }
    const isNext = index === reached.index && name.offset === reached.offset;
    const isLater = index > reached.index || (index === reached.index && name.offset > reached.offset);
    if (isWithin && (isLater || (isNext && !isOpenTail(shape, bytes)))) return `${key} is there`;
    if (isWithin || !isLater) continue;
    // Beyond what was asked for: a hole before it shows, or its own word on where the index before ended.
    if (index === reached.index) return `${key} begins later`;
    const end = statedEnd(bytes);
    if (index === reached.index + 1 && name.offset === 0 && end !== undefined && end > reached.offset)
      return `${key} says so`;
    if (
      target.timestamp !== undefined &&
      (index > reached.index + 1 || name.offset > 0) &&
      !isFollowed(objects, generation, reached)
    )
      return `${key} is there`;
  }
  return undefined;
}

/** The first segment that is younger than the moment asked for ends the walk: what lies behind it does not count. */
function behindYounger(
  { objects }: DamagedReplica,
  reached: GenerationPlace,
  untilMs: number,
): (place: Place) => boolean {
  const younger = [...objects].flatMap(([key, { modifiedAt }]) => {
    const name = parseKey(key);
    const isOwn = name?.kind === "segment" && name.generation === reached.generation;
    return isOwn && modifiedAt.getTime() > untilMs && !before(name, { ...reached, offset: 0 }) ? [name] : [];
  });
  return (place) => younger.some((one) => before(one, place));
}

function isFollowed(objects: DamagedReplica["objects"], generation: string, { index }: GenerationPlace): boolean {
  return [...objects.keys()].some((key) => {
    const name = parseKey(key);
    return name?.kind === "segment" && name.generation === generation && name.index === index + 1 && name.offset === 0;
  });
}

/** Litestream may end a segment in the middle of a transaction: then the state is that of the commit before. */
function isOpenTail({ proofs, truth: { pageSize } }: DamagedReplica["shape"], stored: Uint8Array): boolean {
  if (proofs !== "none") return false;
  try {
    const plain = Buffer.from(decompressAll(stored));
    const head = plain.byteLength % (24 + pageSize);
    for (let at = head; at + 24 + pageSize <= plain.byteLength; at += 24 + pageSize) {
      if (plain.readUInt32BE(at + 4) !== 0) return false;
    }
    return true;
  } catch {
    return false;
  }
}

function statedEnd(stored: Uint8Array): number | undefined {
  try {
    const decoder = new Lz4FrameDecoder();
    decoder.push(stored);
    return decodeSegmentProof(decoder.skippable)?.previous?.end;
  } catch {
    return undefined;
  }
}

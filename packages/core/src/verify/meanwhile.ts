// A replica in use: what retention deleted between the listing and the reading is no damage.
import type { Catalog } from "../replica/catalog.ts";
import type { Pin } from "../replica/retention-plan.ts";
import type { RawFinding } from "./finding.ts";
import type { GenerationProof } from "./generation-proof.ts";

export interface SecondLook {
  /** Without the snapshots that are gone. */
  readonly proof: GenerationProof;
  /** Whether what a finding is about is not needed any more. */
  readonly isMoot: (finding: RawFinding) => boolean;
}

/**
 * Judges by a second listing. Retention deletes a snapshot only where a later one stays, and WAL only where no snapshot is
 * left that goes before it, or only a pinned one that does not reach it; anything else that is gone was deleted by somebody else. `again` undefined: nothing to judge.
 */
export function lookAgain(proof: GenerationProof, again: Catalog | undefined, pins: readonly Pin[]): SecondLook {
  if (again === undefined) return { proof, isMoot: () => false };
  const { generation, updatedAt } = proof.record;
  const now = again.generations.find((record) => record.generation === generation);
  const there = (now?.snapshots ?? []).map(({ index }) => index);
  const lowest = there[0] ?? Number.POSITIVE_INFINITY;
  const highest = there.at(-1) ?? -1;
  const before = new Set(proof.record.snapshots.map(({ index }) => index));
  // A whole generation goes only where a newer one is there.
  const isSucceeded = now === undefined && again.generations.some((other) => other.updatedAt > updatedAt);
  const isGone = (index: number): boolean => before.has(index) && !there.includes(index);
  const isBehindPin = (index: number): boolean => {
    const base = there.findLast((snapshot) => snapshot <= index) ?? 0;
    return (
      index < highest && pins.some((pin) => pin.generation === generation && pin.index >= base && pin.index < index)
    );
  };
  const isMoot = ({ index, snapshot }: RawFinding): boolean => {
    if (now === undefined) return isSucceeded;
    if (snapshot !== undefined) return isGone(snapshot) && snapshot < highest;
    return before.size > 0 && highest >= 0 && (index < lowest || isBehindPin(index));
  };
  return { proof: there.length === 0 ? proof : proof.without(isGone), isMoot };
}

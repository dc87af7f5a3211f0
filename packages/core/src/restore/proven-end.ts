// Whether a restore that ends before the newest object ends where it should: the segment after it says so.
import type { ReplicaClient } from "../backend/client.ts";
import { decodeSegmentProof } from "../replica/proof.ts";
import { readProof } from "../replica/object-head.ts";
import type { RestorePlan } from "./plan.ts";
import { RestoreRefusal } from "./refusal.ts";
import type { WalChecksum } from "../wal/checksum.ts";

/** Where a restored state ends. */
export interface RestoredEnd {
  readonly index: number;
  readonly offset: number;
  /** The chain there; `undefined` where it is the snapshot that reaches furthest. */
  readonly checksum: WalChecksum | undefined;
}

/**
 * False where nothing can tell. Throws `RestoreRefusal` where the segment after the plan's last one shows that something
 * between them is gone: it may have belonged to what was asked for. One small request, where an index ends there.
 */
export async function proveEnd(
  client: ReplicaClient,
  plan: RestorePlan,
  end: RestoredEnd,
  signal: AbortSignal,
): Promise<boolean> {
  const { table, end: after } = plan.segments;
  const next = table.at(after);
  // Nothing follows, or what follows is known to be cut off.
  if (next === undefined || plan.stop === "hole") return true;
  if (next.index === end.index) {
    if (next.offset > end.offset) throw refusal(plan, end, "missing WAL segment");
    return true;
  }
  if (next.index !== end.index + 1 || next.offset !== 0) return false;
  const proof = await readProof(client, table.keyAt(after), decodeSegmentProof, signal);
  const previous = proof?.previous;
  if (previous === undefined || previous.index !== end.index) return false;
  if (previous.end > end.offset) {
    throw refusal(plan, end, `missing tail of a WAL index: the next one proves that it ends at ${previous.end}`);
  }
  const { s1, s2 } = end.checksum ?? previous;
  return previous.end === end.offset && previous.s1 === s1 && previous.s2 === s2;
}

function refusal({ generation }: RestorePlan, { index, offset }: RestoredEnd, what: string): RestoreRefusal {
  const place = { generation, index, offset };
  return new RestoreRefusal("damaged", what, place, { fault: { kind: "wal", ...place } });
}

// Which of several histories is the newest truth. By date it is the one written to last, but a put of a process that was killed
// may come in late: then the history that it had ended, or one that it had only begun, looks newer than the one begun after
// it, until that is written to again. So a history states which ones it takes the place of.
import type { ReplicaClient } from "../backend/client.ts";
import { compareHistories, type GenerationRecord } from "./catalog.ts";
import { snapshotKey } from "./layout.ts";
import { readProof } from "./object-head.ts";
import { decodeSnapshotProof } from "./proof.ts";

/**
 * No request is under way for so long. A history that is written to for longer after another one took its place has a live
 * writer: then the dates decide, so that a process that was started once by mistake does not hide it for good. Milliseconds.
 */
const LATE_MS = 900_000;

/**
 * The newest of histories that have snapshots; undefined: there are none. One small request for each, where there are several
 * of about the same age.
 */
export async function newestHistory(
  client: ReplicaClient,
  records: readonly GenerationRecord[],
  signal: AbortSignal | undefined,
): Promise<GenerationRecord | undefined> {
  const sorted = records.toSorted((a, b) => compareHistories(b, a));
  const [newest] = sorted;
  if (newest === undefined) return undefined;
  const near = sorted.filter(({ updatedAt }) => newest.updatedAt.getTime() - updatedAt.getTime() < LATE_MS);
  if (near.length === 1) return newest;
  const stated = await Promise.all(near.map((record) => supersededBy(client, record, signal)));
  const superseded = new Set<string>(stated.flat());
  return near.find(({ generation }) => !superseded.has(generation)) ?? newest;
}

/** Which histories this one takes the place of: its first snapshot says it. When retention has taken that away, none. */
export async function supersededBy(
  client: ReplicaClient,
  { generation, snapshots }: GenerationRecord,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const first = snapshots[0];
  if (first?.index !== 0) return [];
  const proof = await readProof(client, snapshotKey(generation, 0), decodeSnapshotProof, signal);
  return proof?.generation === generation ? (proof.supersedes ?? []) : [];
}

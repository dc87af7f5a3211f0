// Proves what a fleet has of its own in the replica: manifests, the lease, restore points and pins.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { eachInParallel } from "../backend/parallel.ts";
import { LitewakeError } from "../errors.ts";
import { NewerForm } from "../replica/own-object.ts";
import { formatPosition, type Generation } from "../replica/position.ts";
import type { Finding, Findings } from "../verify/finding.ts";
import type { GenerationProof } from "../verify/generation-proof.ts";
import { type LeaseHolder, lookAtLease } from "./lease-object.ts";
import { type Manifest, manifestKeys, readManifestAt } from "./manifest.ts";
import { type ListedPoint, listPoints, pinKey, pinnedNames, readPointAt, type RestorePoint } from "./points.ts";

const POINTS_AT_ONCE = 16;

/** Restore points, counted. */
export interface PointsProof {
  readonly checked: number;
  /** Each database can be restored to exactly its place. */
  readonly reachable: number;
  /** Taken when; the newest that is reachable. Null: none. */
  readonly newest: Date | null;
}

/** All manifests that can be read, oldest first. */
export async function checkManifests(
  client: ReplicaClient,
  findings: Findings<Finding>,
  options: CallOptions,
): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const key of await manifestKeys(client, options)) {
    const means = "a restore of the whole fleet is refused; each database can be restored by its own URL";
    const manifest = await readable(() => readManifestAt(client, key, options), { key, means }, findings);
    if (manifest !== undefined) manifests.push(manifest);
  }
  return manifests;
}

export async function checkLease(
  client: ReplicaClient,
  findings: Findings<Finding>,
  options: CallOptions,
): Promise<LeaseHolder | undefined> {
  const means = "no process can begin to replicate here; restores do not need it";
  return readable(() => lookAtLease(client, options), { key: "litewake/lease/", means }, findings);
}

export async function checkPins(
  client: ReplicaClient,
  findings: Findings<Finding>,
  options: CallOptions,
): Promise<RestorePoint[]> {
  const pins: RestorePoint[] = [];
  for (const name of await pinnedNames(client, options)) {
    const means = "retention deletes nothing until it is unpinned";
    const pin = await readable(
      () => readPointAt(client, pinKey(name), options),
      { key: pinKey(name), means },
      findings,
    );
    if (pin !== undefined) pins.push(pin);
  }
  return pins;
}

export interface PointsCheck extends CallOptions {
  readonly listed: readonly ListedPoint[];
  readonly pins: readonly RestorePoint[];
  /** By the database's folder. */
  readonly proofs: ReadonlyMap<string, ReadonlyMap<Generation, GenerationProof>>;
  readonly retentionMs: number;
  readonly findings: Findings<Finding>;
}

/** Whether each database can be restored to each point's place. */
export async function checkPoints(client: ReplicaClient, check: PointsCheck): Promise<PointsProof> {
  const { listed, pins, proofs, retentionMs, findings, signal } = check;
  const windowMs = retentionMs === 0 ? Number.NEGATIVE_INFINITY : newestMs(listed) - retentionMs;
  const unreachable: { readonly listed: ListedPoint; readonly what: string }[] = [];
  let checked = 0;
  let newest: Date | null = null;
  await eachInParallel(listed, POINTS_AT_ONCE, async (one) => {
    const means = "a restore to it is refused";
    const read = () => readPointAt(client, one.key, { signal });
    const point = await readable(read, { key: one.key, means }, findings);
    if (point === undefined) return;
    checked += 1;
    const what = whyNot(point, proofs);
    if (what !== undefined) unreachable.push({ listed: one, what });
    else if (newest === null || point.takenAt > newest) newest = point.takenAt;
  });
  for (const pin of pins) {
    const what = whyNot(pin, proofs);
    if (what !== undefined)
      findings.add({ kind: "damage", key: pinKey(pin.name ?? ""), what, means: "the pinned point cannot be restored" });
  }
  if (unreachable.length === 0) return { checked, reachable: checked, newest };
  // Those that were deleted meanwhile are no loss, nor are those that have left the window.
  const there = new Set((await listPoints(client, { signal })).map(({ key }) => key));
  const pinned = new Set(pins.map(({ name }) => name));
  for (const { listed: one, what } of unreachable) {
    const isOld = one.publishedAt.getTime() < windowMs && !(one.name !== null && pinned.has(one.name));
    const isGone = isOld || !there.has(one.key);
    const means = isGone ? "it is older than retention's window, and goes" : "a restore to it is refused";
    findings.add({ kind: isGone ? "note" : "damage", key: one.key, what, means });
  }
  return { checked, reachable: checked - unreachable.length, newest };
}

function newestMs(listed: readonly ListedPoint[]): number {
  return Math.max(...listed.map(({ publishedAt }) => publishedAt.getTime()));
}

/** The first database that does not come back to the point, and why. */
function whyNot({ places }: RestorePoint, proofs: PointsCheck["proofs"]): string | undefined {
  for (const [name, place] of places) {
    const proof = proofs.get(name)?.get(place.generation);
    const why = proof === undefined ? "the generation is gone" : proof.whyNot(place);
    if (why !== undefined) return `${name} cannot be restored to ${formatPosition(place)}, ${why}`;
  }
  return undefined;
}

/** Reads an object of ours; what is none of this form becomes a finding. */
async function readable<T>(
  read: () => Promise<T | undefined>,
  about: Pick<Finding, "key" | "means">,
  findings: Findings<Finding>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NewerForm) {
      findings.add({
        ...about,
        kind: "note",
        what: error.message,
        means: "an older program passes it over or refuses",
      });
      return undefined;
    }
    if (!(error instanceof LitewakeError) || error.kind !== "damaged") throw error;
    findings.add({ ...about, kind: "damage", what: error.message });
    return undefined;
  }
}

// What the databases of a fleet share: one client with one limit of calls, the manifest, the pins.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ConcurrencyLimit, limited } from "../backend/limit.ts";
import { prefixed } from "../backend/prefix.ts";
import type { DatabaseReplication } from "../shipping/database-replication.ts";
import type { FleetOptions } from "./fleet.ts";
import { gated } from "./gate.ts";
import { fnv1a32 } from "./hash.ts";
import { leased } from "./leased.ts";
import { claimManifest, type Manifest } from "./manifest.ts";
import { type FleetMember, noteMember } from "./members.ts";
import { readPins, type RestorePoint } from "./points.ts";

const CALLS_AT_ONCE = 32;
/** Snapshots are due up to this part of the interval early, each database at its own, so that not all come at once. */
const STAGGER = 0.2;

/** What the databases of a fleet share. */
export interface FleetParts {
  /** The fleet's root: few calls at a time, nothing written without the lease, nor before the manifest is claimed. */
  readonly client: ReplicaClient;
  /** Proves or writes the manifest. */
  readonly claim: (options: CallOptions) => Promise<void>;
  /** The way in which the replica is sharded, once that is known. */
  readonly manifest: () => Manifest | undefined;
  /** Of all databases; one look serves the runs of many databases. */
  readonly pinned: (signal: AbortSignal) => Promise<readonly RestorePoint[]>;
}

/** Pins are looked at again after so long. */
const PINS_AGE_MS = 60_000;

/** The pins of a fleet, read once for all databases whose retention runs at about the same time. */
function pinReader(client: ReplicaClient): FleetParts["pinned"] {
  let read: { readonly atMs: number; readonly points: Promise<readonly RestorePoint[]> } | undefined;
  return (signal) => {
    if (read === undefined || performance.now() - read.atMs > PINS_AGE_MS) {
      const points = readPins(client, { signal });
      read = { atMs: performance.now(), points };
      // One that failed is not kept: nothing may be deleted while it is not known what is pinned.
      points.catch(() => {
        read = undefined;
      });
    }
    return read.points;
  };
}

export function partsOf({ client, sharding, callsAtOnce, lease }: FleetOptions): FleetParts {
  let manifest: Manifest | undefined;
  const own = lease === undefined ? client : leased(client, lease);
  const narrow = limited(own, new ConcurrencyLimit(callsAtOnce ?? CALLS_AT_ONCE));
  const parts: FleetParts = {
    claim: async (options) => {
      if (sharding === undefined || manifest !== undefined) return;
      manifest = await claimManifest(narrow, sharding, options);
    },
    client: gated(narrow, (options) => parts.claim(options)),
    manifest: () => manifest,
    pinned: pinReader(narrow),
  };
  return parts;
}

/** How one database of the fleet is replicated. */
export function replicationOf(member: FleetMember, options: FleetOptions, parts: FleetParts): DatabaseReplication {
  const { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs, maxWalBytes, tuning, sharding } =
    options;
  const own = prefixed(parts.client, member.name);
  // Where no manifest says which databases there are, each is noted before its first object.
  const client = sharding === undefined ? gated(own, (call) => noteMember(parts.client, member.name, call)) : own;
  const phase = fnv1a32(new TextEncoder().encode(member.name)) / 0x100000000;
  const interval = snapshotIntervalMs > 0 ? snapshotIntervalMs : retentionMs;
  return {
    path: member.path,
    maxWalBytes,
    tuning,
    replicas: [
      {
        name: member.name,
        client,
        syncIntervalMs,
        snapshotIntervalMs: Math.round(interval * (1 - STAGGER * phase)),
        retentionMs,
        retentionCheckIntervalMs,
        leased: options.lease !== undefined,
        isContested: () => options.lease?.contested === true,
        pins: async (signal) => (await parts.pinned(signal)).flatMap((point) => point.places.get(member.name) ?? []),
      },
    ],
  };
}

// What a fleet's replica says of its shards: how many, in which order, and by which hash rows are spread over them.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { LitewakeError } from "../errors.ts";
import { OWN_PREFIX } from "../replica/layout.ts";
import { createOwn, readOwn } from "../replica/own-object.ts";
import type { HashBits } from "./hash.ts";

/** How rows lie over the databases of a fleet. Another way means other rows in each database. */
export interface Sharding {
  /** Folders of the shards in the replica, in the order of their numbers. */
  readonly shards: readonly string[];
  /** FNV-1a over the key's UTF-8 bytes, modulo the number of shards. */
  readonly hashBits: HashBits;
  /** Folder of the dead letter queue; `null`: there is none. */
  readonly dlq: string | null;
}

export interface Manifest extends Sharding {
  /** Counts the ways in which this fleet has been sharded, from 1. */
  readonly epoch: number;
}

const MANIFESTS = `${OWN_PREFIX}manifest/`;

function manifestKey(epoch: number): string {
  return `${MANIFESTS}${String(epoch).padStart(8, "0")}.json`;
}

/** The manifest of the newest epoch; undefined where nothing was shipped yet. One listing and at most one get. */
export async function readManifest(client: ReplicaClient, options: CallOptions = {}): Promise<Manifest | undefined> {
  let newest: string | undefined;
  for await (const { key } of client.list(MANIFESTS, options)) newest = key;
  if (newest === undefined) return undefined;
  const value = await readOwn(client, newest, options);
  return value === undefined ? undefined : proven(value, `${client.url}/${newest}`);
}

/**
 * Sees to it that the replica has this sharding: writes the manifest if there is none. Throws kind `refused` with what
 * differs and the ways out.
 */
export async function claimManifest(
  client: ReplicaClient,
  wanted: Sharding,
  options: CallOptions = {},
): Promise<Manifest> {
  const found = await readManifest(client, options);
  if (found !== undefined) {
    refuseOther(found, wanted, client.url);
    return found;
  }
  const manifest = { epoch: 1, ...wanted };
  const { shards, hashBits, dlq, epoch } = manifest;
  const hash = { algorithm: "fnv1a", bits: hashBits, input: "utf-8", rule: "modulo" };
  const body = { version: 1 as const, epoch, shardCount: shards.length, shards, hash, dlq };
  if (await createOwn(client, manifestKey(epoch), body, options)) return manifest;
  // Somebody else was first.
  const other = await readManifest(client, options);
  if (other !== undefined) refuseOther(other, wanted, client.url);
  return other ?? manifest;
}

/** Throws kind `refused` where the configuration is of another sharding than the replica. */
export function refuseOther(found: Manifest, wanted: Sharding, url: string): void {
  if (found.shards.length !== wanted.shards.length) {
    throw new LitewakeError(
      "refused",
      `shard_count is ${wanted.shards.length}, but the replica ${url} holds ${found.shards.length} shards`,
      {
        next: `rows would be looked for in the wrong shard; set shard_count back to ${found.shards.length}, or start a new replica with another replica_url`,
      },
    );
  }
  if (found.hashBits !== wanted.hashBits) {
    throw new LitewakeError(
      "refused",
      `hash is fnv1a-${wanted.hashBits}, but the replica ${url} was made with fnv1a-${found.hashBits}`,
      {
        next: `set hash back to fnv1a-${found.hashBits}, or start a new replica with another replica_url`,
      },
    );
  }
  const renamed = found.shards.findIndex((name, n) => name !== wanted.shards[n]);
  if (renamed >= 0) {
    throw new LitewakeError(
      "refused",
      `shard ${renamed} is ${wanted.shards[renamed]}, but in the replica ${url} it is ${found.shards[renamed]}`,
      {
        next: "set shard_name back, or start a new replica with another replica_url",
      },
    );
  }
  if (found.dlq !== null && found.dlq !== wanted.dlq) {
    throw new LitewakeError(
      "refused",
      `the replica ${url} holds the dead letter queue ${found.dlq}, the configuration has ${wanted.dlq ?? "none"}`,
      {
        next: "set dlq back, or start a new replica with another replica_url",
      },
    );
  }
}

function proven(value: Readonly<Record<string, unknown>>, where: string): Manifest {
  const { epoch, shards, hash, dlq } = value;
  const bits = typeof hash === "object" && hash !== null && "bits" in hash ? hash.bits : undefined;
  const isSound =
    Number.isSafeInteger(epoch) &&
    isNames(shards) &&
    (bits === 32 || bits === 64) &&
    (dlq === null || typeof dlq === "string");
  if (!isSound)
    throw new LitewakeError("damaged", `${where} is no manifest`, { next: "restore each shard by its own URL" });
  return { epoch: Number(epoch), shards, hashBits: bits, dlq };
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

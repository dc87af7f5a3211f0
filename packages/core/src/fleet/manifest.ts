// What a fleet's replica says of its shards: how many, in which order, and by which hash rows are spread over them.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { LitewakeError } from "../errors.ts";
import { OWN_PREFIX } from "../replica/layout.ts";
import { createOwn, type OwnObject, readOwn, replaceOwn } from "../replica/own-object.ts";
import { step } from "../steps.ts";
import type { HashBits } from "./hash.ts";
import { requireMemberName } from "./member-name.ts";
import { isPointName } from "./points.ts";

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
  /** Set while the databases of this epoch are still being made from another one's. */
  readonly resharding?: Resharding | undefined;
}

export interface Resharding {
  /** The epoch whose rows are spread anew. */
  readonly fromEpoch: number;
  /** The pinned restore point they are taken from. */
  readonly point: string;
}

const MANIFESTS = `${OWN_PREFIX}manifest/`;

function manifestKey(epoch: number): string {
  return `${MANIFESTS}${String(epoch).padStart(8, "0")}.json`;
}

/** The manifest of the newest epoch; undefined where nothing was shipped yet. One listing and at most one get. */
export async function readManifest(client: ReplicaClient, options: CallOptions = {}): Promise<Manifest | undefined> {
  let newest: string | undefined;
  for await (const { key } of client.list(MANIFESTS, options)) newest = key;
  return newest === undefined ? undefined : readManifestAt(client, newest, options);
}

/** Keys of all manifests, oldest epoch first. One listing. */
export async function manifestKeys(client: ReplicaClient, options: CallOptions = {}): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of client.list(MANIFESTS, options)) keys.push(key);
  return keys;
}

/** The manifest of one epoch; undefined where there is none. */
export async function manifestOf(
  client: ReplicaClient,
  epoch: number,
  options: CallOptions = {},
): Promise<Manifest | undefined> {
  return readManifestAt(client, manifestKey(epoch), options);
}

/** The manifest under a key that was listed; undefined where it is gone. */
export async function readManifestAt(
  client: ReplicaClient,
  key: string,
  options: CallOptions,
): Promise<Manifest | undefined> {
  const value = await readOwn(client, key, options);
  return value === undefined ? undefined : proven(value, `${client.url}/${key}`);
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
  step("manifest:read");
  if (found !== undefined) {
    refuseOther(found, wanted, client.url);
    return found;
  }
  const manifest = { epoch: 1, ...wanted };
  const created = await createManifest(client, manifest, options);
  step("manifest:claimed");
  if (created) return manifest;
  // Somebody else was first.
  const other = await readManifest(client, options);
  if (other !== undefined) refuseOther(other, wanted, client.url);
  return other ?? manifest;
}

/** Writes the manifest of an epoch that has none yet; false: it has one. */
export async function createManifest(
  client: ReplicaClient,
  manifest: Manifest,
  options: CallOptions = {},
): Promise<boolean> {
  return createOwn(client, manifestKey(manifest.epoch), asObject(manifest), options);
}

/** Says that the databases of an epoch are all there. */
export async function endResharding(
  client: ReplicaClient,
  manifest: Manifest,
  options: CallOptions = {},
): Promise<void> {
  await replaceOwn(client, manifestKey(manifest.epoch), asObject({ ...manifest, resharding: undefined }), options);
}

function asObject({ shards, hashBits, dlq, epoch, resharding }: Manifest): OwnObject {
  const hash = { algorithm: "fnv1a", bits: hashBits, input: "utf-8", rule: "modulo" };
  return { version: 1, epoch, shardCount: shards.length, shards, hash, dlq, ...(resharding && { resharding }) };
}

/** Whether rows lie over the same databases in the same way. */
export function isSameSharding(a: Sharding, b: Sharding): boolean {
  return (
    a.hashBits === b.hashBits &&
    a.shards.length === b.shards.length &&
    a.shards.every((name, n) => name === b.shards[n])
  );
}

/** Throws kind `refused` where the configuration is of another sharding than the replica. */
export function refuseOther(found: Manifest, wanted: Sharding, url: string): void {
  if (found.resharding !== undefined) {
    throw new LitewakeError(
      "refused",
      `resharding ${url} to ${found.shards.length} shards was begun and has not ended`,
      {
        next: "run `litewake reshard` again, with the same configuration",
      },
    );
  }
  if (found.shards.length !== wanted.shards.length) {
    throw new LitewakeError(
      "refused",
      `shard_count is ${wanted.shards.length}, but the replica ${url} holds ${found.shards.length} shards`,
      {
        next: `rows would be looked for in the wrong shard; set shard_count back to ${found.shards.length}, spread the rows anew with \`litewake reshard\`, or start a new replica with another replica_url`,
      },
    );
  }
  if (found.hashBits !== wanted.hashBits) {
    throw new LitewakeError(
      "refused",
      `hash is fnv1a-${wanted.hashBits}, but the replica ${url} was made with fnv1a-${found.hashBits}`,
      {
        next: `set hash back to fnv1a-${found.hashBits}, spread the rows anew with \`litewake reshard\`, or start a new replica with another replica_url`,
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
  refuseOtherDlq(found, wanted, url);
}

/** Throws kind `refused` where the dead letter queue is another one. */
export function refuseOtherDlq(found: Sharding, wanted: Sharding, url: string): void {
  if (found.dlq === null || found.dlq === wanted.dlq) return;
  throw new LitewakeError(
    "refused",
    `the replica ${url} holds the dead letter queue ${found.dlq}, the configuration has ${wanted.dlq ?? "none"}`,
    { next: "set dlq back, or start a new replica with another replica_url" },
  );
}

function proven(value: Readonly<Record<string, unknown>>, where: string): Manifest {
  const { epoch, shards, hash, dlq, resharding } = value;
  const bits = typeof hash === "object" && hash !== null && "bits" in hash ? hash.bits : undefined;
  const isSound =
    isEpoch(epoch) &&
    isNames(shards) &&
    shards.length > 0 &&
    new Set(shards).size === shards.length &&
    (bits === 32 || bits === 64) &&
    (dlq === null || typeof dlq === "string") &&
    (resharding === undefined || isResharding(resharding));
  if (!isSound)
    throw new LitewakeError("damaged", `${where} is no manifest`, { next: "restore each shard by its own URL" });
  for (const name of [...shards, ...(dlq === null ? [] : [dlq])]) requireMemberName(name, where);
  return { epoch: Number(epoch), shards, hashBits: bits, dlq, ...(resharding !== undefined && { resharding }) };
}

function isResharding(value: unknown): value is Resharding {
  if (typeof value !== "object" || value === null) return false;
  const { fromEpoch, point } = value as Record<string, unknown>;
  return isEpoch(fromEpoch) && typeof point === "string" && isPointName(point);
}

function isEpoch(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

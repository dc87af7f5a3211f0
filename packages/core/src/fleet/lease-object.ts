// The objects that a lease is made of: one for each renewal, numbered; the highest number counts.
import { randomBytes } from "node:crypto";
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import { OWN_PREFIX } from "../replica/layout.ts";
import { createOwn, readOwn } from "../replica/own-object.ts";
import { describeOwner, type Owner } from "./owner.ts";

/** What an owner states with each renewal. Durations in milliseconds. */
export interface LeaseTerms {
  readonly owner: Owner;
  /** So long after this object was stored its owner may write. */
  readonly ttlMs: number;
  /** Given up: nobody need wait. */
  readonly released: boolean;
  /** Its owner is on its way out: it ships what is left. */
  readonly ending: boolean;
  /** It was taken from somebody who may not know yet: until this one has run out neither may be thought to be gone. */
  readonly waiting: boolean;
  /** A request of an owner before may still be under way, and nothing keeps it from what it would change. */
  readonly contested: boolean;
}

export interface LeaseObject extends Omit<LeaseTerms, "owner"> {
  readonly number: number;
  readonly key: string;
  readonly modifiedAt: Date;
  /** Undefined: it does not say. */
  readonly owner: Owner | undefined;
}

const LEASES = `${OWN_PREFIX}lease/`;
const PROBES = `${OWN_PREFIX}probe/`;
const NUMBER_DIGITS = 12;
/** At a renewal each millisecond this lasts for thirty years. A higher one is nobody's renewal. */
const MAX_NUMBER = 10 ** NUMBER_DIGITS - 1;
const READ_TRIES = 5;
/** A life longer than this is no setting of anybody's. */
const MAX_TTL_MS = 86_400_000;

export function leaseKey(number: number): string {
  return `${LEASES}${String(number).padStart(NUMBER_DIGITS, "0")}.json`;
}

function numberOf(key: string): number | undefined {
  const digits = /^([0-9]{12})\.json$/.exec(key.slice(LEASES.length))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The newest renewal; `defaultTtlMs` where it does not say how long it lives. Throws kind `damaged` for what is none. */
export async function newestLease(
  client: ReplicaClient,
  defaultTtlMs: number,
  options: CallOptions,
): Promise<LeaseObject | undefined> {
  for (let tries = 1; ; tries++) {
    let newest: { key: string; modifiedAt: Date; number: number } | undefined;
    for await (const { key, modifiedAt } of client.list(LEASES, options)) {
      const number = numberOf(key);
      // What bears another name is nobody's renewal.
      if (number !== undefined && number > (newest?.number ?? 0)) newest = { key, modifiedAt, number };
    }
    if (newest === undefined) return undefined;
    if (newest.number === MAX_NUMBER) {
      throw new LitewakeError("damaged", `${client.url}/${newest.key} has a number that no renewal ever gets`, {
        next: "if no process writes to this replica, delete it",
      });
    }
    const value = await valueOf(client, newest.key, options);
    if (value === undefined) {
      // Deleted between the two calls: there are newer ones.
      if (tries < READ_TRIES) continue;
      const reason = "the lease is listed, and cannot be read";
      throw new ReplicaError({ code: "Unavailable", operation: "get", key: newest.key, reason });
    }
    const { owner, ttlMs, released, ending, waiting, contested } = value;
    return {
      ...newest,
      owner: isOwner(owner) ? owner : undefined,
      ttlMs: typeof ttlMs === "number" && ttlMs > 0 && ttlMs <= MAX_TTL_MS ? ttlMs : defaultTtlMs,
      released: released === true,
      ending: ending === true,
      waiting: waiting === true,
      contested: contested === true,
    };
  }
}

/** Who holds the lease, or held it last. */
export interface LeaseHolder {
  /** `process 12 on host`; null: the lease does not say. */
  readonly owner: string | null;
  readonly renewedAt: Date;
  /** It was given up in order. */
  readonly released: boolean;
}

/** Looks and changes nothing; undefined: there is no lease. Throws as a start would: `damaged` or `refused` for what is none. */
export async function lookAtLease(client: ReplicaClient, options: CallOptions = {}): Promise<LeaseHolder | undefined> {
  const found = await newestLease(client, 0, options);
  if (found === undefined) return undefined;
  const { owner, modifiedAt, released } = found;
  return { owner: owner === undefined ? null : describeOwner(owner), renewedAt: modifiedAt, released };
}

async function valueOf(client: ReplicaClient, key: string, options: CallOptions) {
  try {
    return await readOwn(client, key, options);
  } catch (error) {
    if (!(error instanceof LitewakeError) || error.kind !== "damaged") throw error;
    throw new LitewakeError("damaged", `the lease ${client.url}/${key} cannot be read`, {
      next: "if no process writes to this replica, delete it",
      cause: error,
    });
  }
}

/** Stores a renewal; false: somebody else has this number. */
export async function createLease(
  client: ReplicaClient,
  number: number,
  terms: LeaseTerms,
  options: CallOptions,
): Promise<boolean> {
  return createOwn(client, leaseKey(number), { version: 1, ...terms, owner: { ...terms.owner } }, options);
}

/**
 * A moment of the store's clock; undefined: the store cannot put if absent. Puts twice, since some stores take the
 * condition and ignore it.
 */
export async function probeStore(client: ReplicaClient, options: CallOptions): Promise<Date | undefined> {
  if (!client.capabilities.putIfAbsent) return undefined;
  const key = `${PROBES}${randomBytes(8).toString("hex")}.json`;
  const body = new TextEncoder().encode("{}\n");
  const put = async (): Promise<Date | undefined> => {
    try {
      return (await client.put(key, body, { ifAbsent: true, ...options })).modifiedAt;
    } catch (error) {
      if (ReplicaError.is(error, "Conflict")) return undefined;
      throw error;
    }
  };
  try {
    const first = await put();
    if (first !== undefined) return (await put()) === undefined ? first : undefined;
    // Nobody else has this name: a try before, whose answer was lost, has stored it.
    for await (const { modifiedAt } of client.list(key, options)) return modifiedAt;
    throw new ReplicaError({
      code: "Unavailable",
      operation: "list",
      key,
      reason: "what was just stored is not listed",
    });
  } finally {
    await client.delete([key], options).catch(() => {});
  }
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== "object" || value === null) return false;
  const { id, host, pid, space, began } = value as Record<string, unknown>;
  const texts = [id, host, space, began].every((part) => typeof part === "string" && /^[\x20-\x7e]{0,255}$/.test(part));
  return texts && Number.isSafeInteger(pid);
}

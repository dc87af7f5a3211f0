// Taking a lease: at once where nobody can hold it, else when it has run out, or from its owner by force.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { LeaseHost } from "./lease-host.ts";
import type { LeaseChain } from "./lease-chain.ts";
import type { LeaseObject } from "./lease-object.ts";
import { describeOwner, type Owner } from "./owner.ts";

export interface Taking {
  readonly chain: LeaseChain;
  /** Also from somebody who holds it. */
  readonly force: boolean;
  readonly logger: Logger;
  readonly host: LeaseHost;
  /** A moment of the store's clock, and the host's at which it was known. */
  readonly storeClock: { readonly date: Date; readonly atMs: number };
}

/** Somebody else's, which may be held still. */
export interface Predecessor {
  readonly found: LeaseObject;
  /** Of the host's clock: from then on its owner writes no more, whether it knows or not. */
  readonly goneAtMs: number;
}

const POLL_MS = 500;
/** Whoever was faster has written by then. */
const AGAIN_MS = 25;
/** Many stores date objects in whole seconds. */
const COARSE_GRAIN_MS = 1000;

/**
 * Resolves once a number is ours: with the owner before us where that one may write a while longer. Throws kind
 * `refused`, naming the owner, when somebody renews it meanwhile or is faster.
 */
export async function takeOver(taking: Taking, signal: AbortSignal): Promise<Predecessor | undefined> {
  const { chain, force, logger, host } = taking;
  let first: LeaseObject | undefined;
  let seen: Predecessor | undefined;
  for (;;) {
    const found = await chain.newest({ signal });
    if (found === undefined) {
      if (await chain.take(undefined, false, { signal })) return undefined;
      await host.sleep(AGAIN_MS, signal);
      continue;
    }
    if (seen?.found.number !== found.number) seen = { found, goneAtMs: goneAt(found, taking) };
    const leftMs = seen.goneAtMs - host.now();
    const isOver = leftMs <= 0;
    const isFree = isOver || !mayBeHeld(found, taking);
    if (isFree || force) {
      if (isOver && mayBeHeld(found, taking)) {
        logger("warn", "the lease of another process has run out; it is taken over", { owner: nameOf(found.owner) });
      }
      if (await chain.take(found, !isFree, { signal })) return isFree ? undefined : seen;
      // Of two that waited for the same one, the second has somebody alive before it; at a handover it looks again.
      const faster = isOver && !force ? await chain.newest({ signal }) : undefined;
      if (faster !== undefined && !faster.ending && !faster.released) throw refusal(chain, faster);
      await host.sleep(AGAIN_MS, signal);
      continue;
    }
    first ??= found;
    if (found.number !== first.number && !found.ending) throw refusal(chain, found);
    if (found === first) {
      logger("info", "another process holds the lease of this replica; waiting until it runs out", {
        owner: nameOf(found.owner),
        seconds: Math.ceil(leftMs / 1000),
      });
    }
    await host.sleep(Math.min(POLL_MS, leftMs + 1), signal);
  }
}

/**
 * The owner before us learns that it lost the lease when it renews, and takes its last renewal away to say so: from then on
 * it starts no request. One that does not answer can start none when its lease has run out.
 */
export async function untilGone(
  { found, goneAtMs }: Predecessor,
  { chain, logger, host }: Taking,
  { signal, isLost }: { readonly signal: AbortSignal; readonly isLost: () => boolean },
): Promise<void> {
  logger("warn", "the lease was taken over; waiting until its owner has noticed", {
    owner: nameOf(found.owner),
    seconds: Math.max(0, Math.ceil((goneAtMs - host.now()) / 1000)),
  });
  while (!isLost()) {
    const leftMs = goneAtMs - host.now();
    if (leftMs <= 0 || (!found.waiting && (await isAway(chain.client, found.key, { signal })))) return;
    await host.sleep(Math.min(POLL_MS, leftMs + 1), signal);
  }
}

async function isAway(client: ReplicaClient, key: string, options: CallOptions): Promise<boolean> {
  for await (const _object of client.list(key, options)) return false;
  return true;
}

/** By the store's clock, and never later than a whole life from now: that clock may have been set back. */
function goneAt(found: LeaseObject, { storeClock, host }: Taking): number {
  const now = host.now();
  const dateMs = found.modifiedAt.getTime();
  const grainMs = dateMs % COARSE_GRAIN_MS === 0 ? COARSE_GRAIN_MS : 1;
  const lifeMs = found.ttlMs + grainMs;
  const ageMs = storeClock.date.getTime() - dateMs + (now - storeClock.atMs);
  return now + Math.min(lifeMs, lifeMs - ageMs);
}

/** Whether its owner, or one before that has not noticed yet, may still take it for its own. */
function mayBeHeld(found: LeaseObject, { chain, host }: Taking): boolean {
  const { waiting, released, owner } = found;
  if (waiting) return true;
  return !released && !chain.isOurs(found) && !(owner !== undefined && host.isDead(owner));
}

function refusal({ client }: LeaseChain, { owner }: LeaseObject): LitewakeError {
  return new LitewakeError("refused", `${client.url} is written to by ${nameOf(owner)}, which is alive`, {
    next: "stop that one first, or take over from it with -take-over",
  });
}

export function nameOf(owner: Owner | undefined): string {
  return owner === undefined ? "another process" : describeOwner(owner);
}

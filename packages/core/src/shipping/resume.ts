// Where a replica stands at a start, and whether the live log continues it.
import { AgeKeyError } from "../codec/age-error.ts";
import { LitewakeError } from "../errors.ts";
import type { Catalog, GenerationRecord } from "../replica/catalog.ts";
import { supersededBy } from "../replica/newest-history.ts";
import { step } from "../steps.ts";
import { formatPosition, type Generation } from "../replica/position.ts";
import type { ChainState } from "../wal/frame-chain.ts";
import { decideContinuity, type PreviousEnd, type Unproven } from "./continuity.ts";
import { fence } from "./fence.ts";
import type { ShipperTarget } from "./shipper.ts";
import type { ShipperHost } from "./shipper-host.ts";
import { newestGeneration, readShippedTail, type ShippedTail } from "./shipped-tail.ts";

export type Resumed =
  | {
      readonly kind: "resumed";
      readonly generation: Generation;
      /** The epoch of the live log in which the next byte lies, and the index it is shipped as. */
      readonly epoch: number;
      readonly index: number;
      readonly offset: number;
      readonly chain: ChainState | undefined;
      readonly previous: PreviousEnd | undefined;
      readonly newestSnapshot: { readonly index: number; readonly at: Date };
    }
  | { readonly kind: "new"; readonly reason: string };

/** Where the replica stands, the date of its newest object, and all histories in it. */
export type Found = Resumed & {
  readonly newestAt: Date | undefined;
  readonly generations: readonly Generation[];
};

/**
 * Reads the replica's end and looks for evidence. Throws `refused` where a new generation would put an empty or older
 * database over existing history.
 */
export async function resume(target: ShipperTarget, host: ShipperHost, signal: AbortSignal): Promise<Found> {
  const found = await lookUp(target, host, signal);
  // In a WAL that goes on, the last owner's requests and ours hold the same bytes. Anywhere else they must not come in late.
  const isOtherWal = found.kind === "new" || (found.offset === 0 && found.chain === undefined);
  if (!isOtherWal || target.isContested?.() !== true) return found;
  await fence(target.client, { signal });
  return lookUp(target, host, signal);
}

async function lookUp(target: ShipperTarget, host: ShipperHost, signal: AbortSignal): Promise<Found> {
  const { catalog, record } = await newestGeneration(target.client, { signal });
  const generations = catalog.generations.map(({ generation }) => generation);
  return { ...(await decide(record, catalog, target, host, signal)), newestAt: catalog.newestAt, generations };
}

/**
 * The last generation that this host has begun, if nothing of it is there: its snapshot may come in late, and would be the
 * newest truth by its date. Only the first snapshot of another generation can say that it is not; that of `record` may do so
 * already, where a power loss brought back an older note of what was begun.
 */
async function begunOnly(
  { client }: ShipperTarget,
  host: ShipperHost,
  { generations }: Catalog,
  record: GenerationRecord,
  signal: AbortSignal,
): Promise<string | undefined> {
  const last = host.begun(client.url).at(-1);
  if (last === undefined || generations.some(({ generation }) => generation === last)) return undefined;
  return (await supersededBy(client, record, signal)).includes(last) ? undefined : last;
}

async function decide(
  record: GenerationRecord | undefined,
  catalog: Catalog,
  target: ShipperTarget,
  host: ShipperHost,
  signal: AbortSignal,
): Promise<Resumed> {
  if (record === undefined) return { kind: "new", reason: "the replica holds no generation yet" };
  let tail: ShippedTail;
  try {
    tail = await readShippedTail(target.client, record, host.database.pageSize, signal);
  } catch (error) {
    const reason = reasonToBeginAnew(error, host);
    if (host.bornHere || host.database.isEmpty()) refuseEmpty(target, host, historyOf(record));
    return { kind: "new", reason };
  }
  step("resume:read");
  const late = await begunOnly(target, host, catalog, record, signal);
  // Nothing is waited for between this look at the WAL and what follows from it.
  const found = decideContinuity(tail, target.client.url, host.evidence());
  if (late !== undefined && found.kind !== "unproven")
    return { kind: "new", reason: `generation ${late} was begun, and its first snapshot may still be stored` };
  const { generation, newestSnapshot } = tail;
  const epoch = host.log.current.number;
  const base = { kind: "resumed" as const, generation, newestSnapshot };
  switch (found.kind) {
    case "same-wal":
      said(host, target, tail, "the WAL goes on where it was");
      return { ...base, epoch, index: found.index, offset: found.offset, chain: found.chain, previous: undefined };
    case "next-wal":
      said(host, target, tail, "everything was shipped, a new WAL follows");
      return { ...base, epoch, index: found.index, offset: 0, chain: undefined, previous: found.previous };
    case "spooled":
    case "old-tail": {
      const adopted = host.adoptTail(found);
      if (adopted === undefined) {
        return { kind: "new", reason: "the old WAL's tail was overwritten while it was read, or could not be kept" };
      }
      step("resume:adopted");
      said(host, target, tail, "the rest of the old WAL was kept");
      return {
        ...base,
        epoch: adopted,
        index: found.index,
        offset: found.offset,
        chain: found.chain,
        previous: undefined,
      };
    }
    case "unproven":
      refuseUnlessAllowed(found, tail, target, host);
      return { kind: "new", reason: found.reason };
  }
}

/** Why a history whose end cannot be read is left alone for a new one. Throws what stands in the way of that too. */
function reasonToBeginAnew(error: unknown, host: ShipperHost): string {
  if (error instanceof AgeKeyError) {
    // Turned on: what follows is encrypted, in a generation of its own, since no Litestream reads a mixed one.
    if (error.problem === "not-encrypted") return "encryption was turned on";
    if (error.problem === "no-identity")
      return "the replica is encrypted, and there is no age identity to read its end with";
    // Turned off, or with other keys: most likely by mistake.
    if (host.newHistory) return error.message;
    throw new LitewakeError("refused", `${error.message}; or begin a new history beside it with -new-history`, {
      cause: error,
    });
  }
  if (!(error instanceof LitewakeError) || error.kind !== "damaged") throw error;
  return `the replica's last segment cannot be read: ${error.message}`;
}

/**
 * Refuses a database that is not there (or holds nothing yet) over a replica that holds history: most likely a restore has
 * failed, and what the application makes now must not become the newest truth.
 */
export async function refuseMissing(target: ShipperTarget, path: string, signal: AbortSignal): Promise<void> {
  const { record } = await newestGeneration(target.client, { signal });
  if (record === undefined) return;
  const history = historyOf(record);
  throw new LitewakeError(
    "refused",
    `${path} does not exist yet, but the replica holds history: ${target.client.url} (${history})`,
    {
      next: RESTORE_FIRST,
    },
  );
}

const RESTORE_FIRST = "restore the database first, or insist on a new history with -new-history";

function said(host: ShipperHost, target: ShipperTarget, tail: ShippedTail, how: string): void {
  host.logger("info", "same generation goes on", {
    replica: target.name,
    position: formatPosition(tail),
    how,
  });
}

const historyOf = (record: GenerationRecord): string => `${record.generation}, up to ${record.updatedAt.toISOString()}`;

function refuseEmpty(target: ShipperTarget, host: ShipperHost, history: string): void {
  if (host.newHistory) return;
  const where = `${target.client.url} (history of ${history})`;
  throw new LitewakeError("refused", `${host.database.path} is new or empty, but the replica is not: ${where}`, {
    next: RESTORE_FIRST,
  });
}

function refuseUnlessAllowed(found: Unproven, tail: ShippedTail, target: ShipperTarget, host: ShipperHost): void {
  const standing = host.bornHere ? "empty" : found.standing;
  const where = `${target.client.url} (history up to ${formatPosition(tail)}, ${tail.updatedAt.toISOString()})`;
  if (standing !== "unknown" && !host.newHistory) {
    const what = standing === "empty" ? "is new or empty" : "is older than what was shipped";
    throw new LitewakeError("refused", `${host.database.path} ${what}, but the replica is not: ${where}`, {
      next: RESTORE_FIRST,
    });
  }
  host.logger("warn", "the database does not continue the replica's history; a new generation begins beside it", {
    replica: target.name,
    reason: found.reason,
    history: formatPosition(tail),
  });
}

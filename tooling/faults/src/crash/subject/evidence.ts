// Looks for evidence that a history could have gone on at the moment at which a new one begins: what stands is looked for
// here by itself, not by the rules of the program, and can only vanish with time, never come.
import fs from "node:fs";
import { type GenerationRecord, readCatalog } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { parseFrameHeader, parseWalHeader, type WalHeader } from "@litewake/core/protocol";
import { identityOf, sameIdentity } from "../../../../../packages/core/src/database/live-database.ts";
import { LocalStateFile, metaFolder } from "../../../../../packages/core/src/database/local-state.ts";
import { newestHistory } from "../../../../../packages/core/src/replica/newest-history.ts";
import { readShippedTail, type ShippedTail } from "../../../../../packages/core/src/shipping/shipped-tail.ts";

/** Everything local, as it was at one moment. */
interface Local {
  readonly wal: Buffer;
  readonly header: WalHeader | undefined;
  readonly state: LocalStateFile;
  readonly untouched: boolean;
}

/** One line of JSON: the reason given, and what stands against it (`null`: nothing). */
export async function judgeBeginning(
  database: string,
  client: ReplicaClient,
  { generation, reason, replica }: Readonly<Record<string, unknown>>,
): Promise<string> {
  const local = lookAt(database);
  const catalog = await readCatalog(client);
  const before = catalog.generations.filter(
    (record: GenerationRecord) => record.generation !== generation && record.snapshots.length > 0,
  );
  const record = await newestHistory(client, before, undefined);
  const against = record === undefined ? null : await standing(client, record, local);
  const first = record === undefined;
  return JSON.stringify({ replica, reason, first, against });
}

function lookAt(database: string): Local {
  const wal = fs.existsSync(`${database}-wal`) ? fs.readFileSync(`${database}-wal`) : Buffer.alloc(0);
  const state = new LocalStateFile(metaFolder(database));
  const untouched = sameIdentity(state.state.rest?.database, identityOf(database));
  return { wal, header: parseWalHeader(wal), state, untouched };
}

async function standing(client: ReplicaClient, record: GenerationRecord, local: Local): Promise<string | null> {
  const pageSize = local.header?.pageSize ?? 4096;
  const tail = await readShippedTail(client, record, pageSize, undefined);
  const noted = local.state.state.rest?.replicas[client.url];
  const isNoted = noted?.generation === tail.generation && noted.index === tail.index && noted.offset === tail.offset;
  if (isNoted && local.untouched) return "the database file is untouched since everything was shipped";
  const { lastFrame } = tail;
  if (lastFrame === undefined || local.header === undefined) return null;
  const { salt1, salt2 } = parseFrameHeader(
    new DataView(lastFrame.buffer, lastFrame.byteOffset, lastFrame.byteLength),
    0,
  );
  const start = tail.offset - lastFrame.byteLength;
  const stands = Buffer.compare(local.wal.subarray(start, tail.offset), lastFrame) === 0;
  if (local.header.salt1 === salt1 && local.header.salt2 === salt2 && stands)
    return "the last frame shipped stands in the WAL";
  return inSpool(local, { salt1, salt2 }, tail);
}

function inSpool(
  { state, header }: Local,
  shipped: { readonly salt1: number; readonly salt2: number },
  tail: ShippedTail,
): string | null {
  const closed = (state.state.closed ?? []).find((wal) => wal.salt1 === shipped.salt1 && wal.salt2 === shipped.salt2);
  if (closed === undefined || closed.next.salt1 !== header?.salt1 || closed.next.salt2 !== header.salt2) return null;
  if (closed.end === tail.offset) return "the WAL that follows is noted, and the old one was shipped to its end";
  if (closed.spool === null || closed.spool.from > tail.offset || closed.end < tail.offset) return null;
  const spool = fs.statSync(`${state.spoolFolder}/${closed.spool.name}`, { throwIfNoEntry: false });
  return spool !== undefined && spool.size >= closed.end - closed.spool.from
    ? "the old WAL's tail lies in the spool"
    : null;
}

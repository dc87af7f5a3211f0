// Whether what a store holds, restored, is a state that the database really had: an unbroken prefix of its ledger, at least
// what was acknowledged, page for page.
import { restore, type RestoreResult, type RestoreTarget } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { lookInto, tempDir, verifyLedger } from "@litewake-tooling/testkit";

/** A row of the ledger, by which two databases that hold it are known to agree up to there. */
export interface LedgerEnd {
  readonly seq: number;
  readonly hash: string;
}

export interface Restored {
  readonly end: LedgerEnd;
  readonly result: RestoreResult;
  readonly output: string;
  /** What is wrong with it; none: it is a state that the ledger's writer has made. */
  readonly problem: string | undefined;
}

/** Restores into a folder that goes when `judge` is done. Throws what `restore` throws. */
export async function restored<T>(
  client: ReplicaClient,
  judge: (restored: Restored) => T | Promise<T>,
  options: { readonly target?: RestoreTarget; readonly signal?: AbortSignal } = {},
): Promise<T> {
  using folder = tempDir("nemesis-restored");
  const output = folder.join("restored.db");
  // The ledger's proof makes SQLite's own check.
  const result = await restore({ replicas: [{ name: "nemesis", client }], output, integrityCheck: "none", ...options });
  const proof = verifyLedger(output);
  const end = ledgerEnd(output);
  return await judge({ end, result, output, problem: proof.firstBreak ?? touchedWrong(output, end.seq) });
}

/** The last row; sequence number 0 where there is none. */
export function ledgerEnd(database: string): LedgerEnd {
  return lookInto(database, (db) => {
    if (!hasTable(db, "ledger")) return { seq: 0, hash: "" };
    const row = db.prepare("select seq, hash from ledger order by seq desc limit 1").get();
    return { seq: Number(row?.["seq"] ?? 0), hash: String(row?.["hash"] ?? "") };
  });
}

/** Whether the database's ledger goes through this row. */
export function goesThrough(database: string, end: LedgerEnd): boolean {
  if (end.seq === 0) return true;
  return lookInto(database, (db) => {
    const row = db.prepare("select hash from ledger where seq = ?").get(end.seq);
    return row?.["hash"] === end.hash;
  });
}

const SLOTS = 97;

// Each transaction appends one row and overwrites one of 97 slots (ledger-loop.ts): pages that are rewritten in place show
// whether they are as old as the ledger's end.
function touchedWrong(database: string, lastSeq: number): string | undefined {
  return lookInto(database, (db) => {
    if (!hasTable(db, "touched")) return lastSeq === 0 ? undefined : "the table of touched slots is gone";
    const rows = db.prepare("select slot, seq from touched order by seq").all();
    const seen = rows.map((row) => `${String(row["slot"])}:${String(row["seq"])}`);
    const expected: string[] = [];
    for (let seq = Math.max(1, lastSeq - SLOTS + 1); seq <= lastSeq; seq++) expected.push(`${seq % SLOTS}:${seq}`);
    if (seen.join() === expected.join()) return undefined;
    return `slots of another moment than row ${lastSeq}: ${seen.slice(-3).join(", ")}`;
  });
}

function hasTable(db: Parameters<Parameters<typeof lookInto>[1]>[0], name: string): boolean {
  return db.prepare("select 1 from sqlite_schema where type = 'table' and name = ?").get(name) !== undefined;
}

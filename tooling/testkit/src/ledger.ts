// Proves that a database holds an unbroken prefix of what the writers of the ledger committed.
import { createHash } from "node:crypto";
import { lookInto } from "./private-copy.ts";

export interface LedgerProof {
  readonly ok: boolean;
  readonly rows: number;
  /** 0 for an empty ledger. */
  readonly lastSeq: number;
  /** Where and how the chain breaks first. */
  readonly firstBreak?: string;
}

/** Rows 1 to n, none missing, each hash right, and the file sound. Without the table: no rows, and no break. */
export function verifyLedger(database: string): LedgerProof {
  return lookInto(database, (db) => {
    const table = db.prepare("select 1 from sqlite_schema where name = 'ledger'").get();
    if (table === undefined) return { ok: true, rows: 0, lastSeq: 0 };
    let rows = 0;
    let lastSeq = 0;
    let hash = "";
    const broken = (firstBreak: string) => ({ ok: false, rows, lastSeq, firstBreak });
    for (const row of db.prepare("select seq, prev, payload, hash from ledger order by seq").iterate()) {
      const { seq, payload } = row;
      if (seq !== lastSeq + 1) return broken(`row ${lastSeq} is followed by row ${String(seq)}`);
      if (!(payload instanceof Uint8Array)) return broken(`row ${seq}: the payload is no blob`);
      if (row["prev"] !== hash) return broken(`row ${seq}: does not continue row ${lastSeq}`);
      const expected = createHash("sha256").update(`${hash}|${seq}|`).update(payload).digest("hex");
      if (row["hash"] !== expected) return broken(`row ${seq}: its hash does not fit its content`);
      rows++;
      lastSeq = seq;
      hash = expected;
    }
    const [check] = db.prepare("pragma integrity_check(1)").all();
    const sound = String(check?.["integrity_check"]);
    return sound === "ok" ? { ok: true, rows, lastSeq } : broken(`integrity_check: ${sound}`);
  });
}

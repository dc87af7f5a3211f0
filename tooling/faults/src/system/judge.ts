// What a replica's folder can give back.
import { type Generation, LitewakeError, readCatalog, restore } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { file } from "@litewake/file";
import { tempDir, verifyLedger } from "@litewake-tooling/testkit";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { Broken } from "./broken.ts";

async function open(replica: string): Promise<ReplicaClient> {
  return file.open({ url: `file://${replica}`, settings: {}, env: {} });
}

/** The last row of the ledger that a restore would bring back at this moment; 0 where there is no backup yet. */
export async function lastRestorable(replica: string): Promise<number> {
  using folder = tempDir("restorable");
  const output = folder.join("restored.db");
  try {
    const client = await open(replica);
    await restore({ replicas: [{ name: "replica", client }], output, integrityCheck: "none" });
  } catch (error) {
    if (error instanceof LitewakeError && error.kind === "no-backup") return 0;
    throw new Broken(`nothing can be restored any more: ${String(error)}`);
  }
  const db = new DatabaseSync(output);
  try {
    // The restore itself was told not to look: what it hands out must be whole by its own proofs.
    const check = String(db.prepare("pragma quick_check").get()?.["quick_check"]);
    if (check !== "ok") throw new Broken(`the restore is damaged (${check}); its replica is kept in ${kept(replica)}`);
    const there = db.prepare("select 1 from sqlite_schema where name = 'ledger'").get();
    return there === undefined ? 0 : Number(db.prepare("select max(seq) as last from ledger").get()?.["last"]);
  } finally {
    db.close();
  }
}

/** A copy for whoever looks into it: a state that lasts for a moment cannot be made again. */
function kept(replica: string): string {
  const place = `${tmpdir()}/litewake-kept-${process.pid}-${Date.now()}`;
  execFileSync("cp", ["-r", "--", replica, place]);
  return place;
}

/** The newest state, or that of one generation, in a folder of its own. */
export async function restoredFrom(replica: string, generation?: Generation): Promise<string> {
  const output = tempDir("restored").join("restored.db");
  const target = generation === undefined ? {} : { generation };
  await restore({
    replicas: [{ name: "replica", client: await open(replica) }],
    output,
    target,
    integrityCheck: "full",
  });
  return output;
}

/** The last row of each generation that can be restored, an unbroken prefix each, the newest generation last. */
export async function histories(replica: string): Promise<number[]> {
  const { generations } = await readCatalog(await open(replica));
  const rows: number[] = [];
  for (const { generation } of generations.toSorted((a, b) => a.updatedAt.getTime() - b.updatedAt.getTime())) {
    const proof = verifyLedger(await restoredFrom(replica, generation));
    if (proof.firstBreak !== undefined) throw new Broken(`generation ${generation}: ${proof.firstBreak}`);
    rows.push(proof.lastSeq);
  }
  return rows;
}

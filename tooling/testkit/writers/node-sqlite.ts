// The ledger written with Node's own SQLite.
import { DatabaseSync } from "node:sqlite";
import { type LedgerConnection, runLedger } from "./ledger-loop.ts";

function open(database: string): LedgerConnection {
  const db = new DatabaseSync(database);
  let insert: ReturnType<DatabaseSync["prepare"]> | undefined;
  return {
    exec: (sql) => db.exec(sql),
    last: (sql) => {
      const row = db.prepare(sql).get();
      return row === undefined ? undefined : { seq: Number(row["seq"]), hash: String(row["hash"]) };
    },
    append: (seq, prev, payload, hash) => {
      insert ??= db.prepare("insert into ledger values(?, ?, ?, ?)");
      insert.run(seq, prev, payload, hash);
    },
    close: () => db.close(),
  };
}

await runLedger(open, process.argv.slice(2));

// The ledger written with better-sqlite3, which carries a SQLite of its own.
import { createRequire } from "node:module";
import { type LedgerConnection, runLedger } from "./ledger-loop.ts";

interface Statement {
  get(...values: unknown[]): Record<string, unknown> | undefined;
  run(...values: unknown[]): unknown;
}

interface Connection {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): unknown;
}

// The package brings no types; these are the parts of it that are used.
const Database = createRequire(import.meta.url)("better-sqlite3") as new (path: string) => Connection;

function open(database: string): LedgerConnection {
  const db = new Database(database);
  let insert: Statement | undefined;
  return {
    exec: (sql) => void db.exec(sql),
    last: (sql) => {
      const row = db.prepare(sql).get();
      return row === undefined ? undefined : { seq: Number(row["seq"]), hash: String(row["hash"]) };
    },
    append: (seq, prev, payload, hash) => {
      insert ??= db.prepare("insert into ledger values(?, ?, ?, ?)");
      insert.run(seq, prev, payload, hash);
    },
    close: () => void db.close(),
  };
}

await runLedger(open, process.argv.slice(2));

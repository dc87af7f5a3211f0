// Databases that the tests of the command line ship and restore.
import { DatabaseSync } from "node:sqlite";
import { lookInto } from "@litewake-tooling/testkit";

/**
 * A database in WAL mode with so many rows, each its own commit. It is handed back open: the last to close it would
 * delete the WAL, and only a snapshot were left to ship.
 */
export function openDatabase(file: string, rows = 3): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec("pragma journal_mode = wal; create table if not exists notes(id integer primary key, text)");
  const insert = db.prepare("insert into notes(text) values (?)");
  for (let i = 0; i < rows; i++) insert.run(`note ${i}`);
  return db;
}

/** How many rows it holds; its files stay as they are. */
export function rowsOf(file: string): number {
  return lookInto(file, (db) => Number(db.prepare("select count(*) as n from notes").get()?.["n"]));
}

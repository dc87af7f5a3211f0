// Whether two databases say the same: schema, every row of every table, and the settings in the header. Litestream's own
// tables do not count.
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { lookInto } from "./private-copy.ts";

const SETTINGS = ["page_size", "encoding", "user_version", "application_id", "auto_vacuum"];
const OURS = "name not like '\\_litestream\\_%' escape '\\' and tbl_name not like '\\_litestream\\_%' escape '\\'";

/** The differences, one line each, at most one per table; none means equal content. Both are read row by row. */
export function compareDatabases(first: string, second: string): string[] {
  return lookInto(first, (a) => lookInto(second, (b) => differences(a, b)));
}

function differences(a: DatabaseSync, b: DatabaseSync): string[] {
  const found: string[] = [];
  for (const name of SETTINGS) {
    const [left, right] = [setting(a, name), setting(b, name)];
    if (left !== right) found.push(`${name}: ${left} is not ${right}`);
  }
  const [left, right] = [schema(a), schema(b)];
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(name), right.get(name)];
    if (one === undefined) found.push(`${name}: only in the second`);
    else if (other === undefined) found.push(`${name}: only in the first`);
    else if (one !== other) found.push(`${name}: its SQL differs: ${one} is not ${other}`);
  }
  for (const table of tables(a)) {
    if (!right.has(`table ${table}`)) continue;
    const difference = differingRow(a, b, table);
    if (difference !== undefined) found.push(`table ${table}: ${difference}`);
  }
  const damage = [integrity(a), integrity(b)];
  for (const [i, which] of ["first", "second"].entries()) {
    if (damage[i] !== "ok") found.push(`the ${which} is damaged: ${damage[i]}`);
  }
  return found;
}

function setting(db: DatabaseSync, name: string): string {
  return String(db.prepare(`pragma ${name}`).get()?.[name]);
}

function integrity(db: DatabaseSync): string {
  return String(db.prepare("pragma integrity_check(1)").get()?.["integrity_check"]);
}

function schema(db: DatabaseSync): Map<string, string> {
  const rows = db
    .prepare(`select type || ' ' || name as name, coalesce(sql, '') as sql from sqlite_schema where ${OURS}`)
    .all();
  return new Map(rows.map((row) => [String(row["name"]), String(row["sql"])]));
}

/** A virtual table's rows lie in its shadow tables, which are compared as what they are. */
function tables(db: DatabaseSync): string[] {
  const own = `type = 'table' and ${OURS} and coalesce(sql, '') not like 'create virtual%'`;
  return db
    .prepare(`select name from sqlite_schema where ${own} order by name`)
    .all()
    .map((row) => String(row["name"]));
}

function differingRow(a: DatabaseSync, b: DatabaseSync, table: string): string | undefined {
  const query = `select * from ${quoted(table)} order by ${order(a, table)}`;
  const [left, right] = [a.prepare(query), b.prepare(query)];
  for (const statement of [left, right]) {
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
  }
  const [one, other] = [rowsOf(left.iterate()), rowsOf(right.iterate())];
  try {
    for (let n = 1; ; n++) {
      const [x, y] = [one.next(), other.next()];
      if (x.done === true && y.done === true) return undefined;
      if (x.done === true) return `the second has more than the first's ${n - 1} rows`;
      if (y.done === true) return `the first has more than the second's ${n - 1} rows`;
      if (!sameRow(x.value, y.value)) return `row ${n} differs: ${shown(x.value)} is not ${shown(y.value)}`;
    }
  } finally {
    one.return(undefined);
    other.return(undefined);
  }
}

/** With `setReturnArrays` a row is an array of values, which the types do not know. */
function* rowsOf(rows: Iterable<unknown>): Generator<readonly SQLOutputValue[], undefined, undefined> {
  for (const row of rows) if (Array.isArray(row)) yield row as readonly SQLOutputValue[];
  return undefined;
}

/** The primary key where there is no rowid to go by. */
function order(db: DatabaseSync, table: string): string {
  const info = db.prepare("select wr from pragma_table_list where schema = 'main' and name = ?").get(table);
  if (info?.["wr"] !== 1) return "rowid";
  const key = db.prepare("select name from pragma_table_info(?) where pk > 0 order by pk").all(table);
  return key.map((column) => quoted(String(column["name"]))).join(", ");
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function sameRow(a: readonly SQLOutputValue[], b: readonly SQLOutputValue[]): boolean {
  return a.length === b.length && a.every((value, i) => sameValue(value, b[i]));
}

function sameValue(a: SQLOutputValue, b: SQLOutputValue | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}

function shown(row: readonly SQLOutputValue[]): string {
  const values = row.map((value) =>
    value instanceof Uint8Array ? `<${value.length} bytes>` : String(value).slice(0, 40),
  );
  return `(${values.join(", ")})`;
}

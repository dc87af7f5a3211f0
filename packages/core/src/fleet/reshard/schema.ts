// What a shard's database is made of, as far as it has to be made again in another one.
import type { DatabaseSync } from "node:sqlite";
import { LitewakeError } from "../../errors.ts";

export interface SchemaObject {
  readonly type: "table" | "index" | "view" | "trigger";
  readonly name: string;
  readonly sql: string;
}

export interface Table {
  readonly name: string;
  readonly sql: string;
  /** Those that hold something of their own: no generated ones. */
  readonly columns: readonly string[];
}

export interface Schema {
  readonly tables: readonly Table[];
  /** Made when the rows are there: indexes, views, triggers. */
  readonly others: readonly SchemaObject[];
  /** Of the file itself: page size, encoding, the application's own numbers. */
  readonly pragmas: Readonly<Record<(typeof PRAGMAS)[number], string | number>>;
}

const PRAGMAS = ["page_size", "encoding", "auto_vacuum", "application_id", "user_version"] as const;
/** Litestream keeps two tables of its own in every database that it follows. */
const LITESTREAM = ["_litestream_seq", "_litestream_lock"];

/** How SQLite begins what it writes into its schema, whatever it was given. */
const CREATES = /^create (?:table|virtual table|index|unique index|view|trigger) /i;

/** An identifier as SQL wants it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Throws kind `refused` for a database with tables that cannot be copied row by row. */
export function schemaOf(database: DatabaseSync, where: string): Schema {
  const objects = database
    .prepare("select type, name, sql from sqlite_schema where name not like 'sqlite\\_%' escape '\\' order by rowid")
    .all()
    .filter(({ name, sql }) => sql !== null && !LITESTREAM.includes(String(name)))
    .map(({ type, name, sql }) => ({ type: String(type), name: String(name), sql: String(sql) }) as SchemaObject);
  const odd = objects.find(({ sql }) => !CREATES.test(sql));
  if (odd !== undefined) {
    throw new LitewakeError("refused", `${where}: the schema of ${odd.name} is not as SQLite writes it`, {
      next: "somebody has written into the database's schema by hand; see who",
    });
  }
  const virtual = objects.find(({ type, sql }) => type === "table" && /^create virtual /i.test(sql));
  if (virtual !== undefined) {
    throw new LitewakeError("refused", `${where}: ${virtual.name} is a virtual table, whose rows cannot be spread`, {
      next: "drop it and ship that, reshard, and build it anew",
    });
  }
  const tables = objects.flatMap(({ type, name, sql }) =>
    type === "table" ? [{ name, sql, columns: columnsOf(database, name) }] : [],
  );
  return {
    tables,
    others: objects.filter(({ type }) => type !== "table"),
    pragmas: pragmasOf(database),
  };
}

function columnsOf(database: DatabaseSync, table: string): string[] {
  const rows = database.prepare("select name, hidden from pragma_table_xinfo(?)").all(table);
  return rows.filter(({ hidden }) => hidden === 0).map(({ name }) => String(name));
}

function pragmasOf(database: DatabaseSync): Schema["pragmas"] {
  const entries = PRAGMAS.map((name) => [name, Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0]]);
  return Object.fromEntries(entries) as Schema["pragmas"];
}

/** The first object in which two databases differ, for a message; undefined: they are made alike. */
export function differenceOf(a: Schema, b: Schema): string | undefined {
  const texts = (schema: Schema) => new Map([...schema.tables, ...schema.others].map(({ name, sql }) => [name, sql]));
  const [left, right] = [texts(a), texts(b)];
  for (const name of new Set([...left.keys(), ...right.keys()])) if (left.get(name) !== right.get(name)) return name;
  return a.pragmas.encoding === b.pragmas.encoding ? undefined : "encoding";
}

/** Makes the empty tables of a schema in a new file. */
export function createTables(database: DatabaseSync, { tables, pragmas }: Schema): void {
  for (const name of PRAGMAS) database.exec(`pragma ${name}=${literal(pragmas[name])}`);
  for (const { sql } of tables) make(database, sql);
}

export function createOthers(database: DatabaseSync, { others }: Schema): void {
  for (const { sql } of others) make(database, sql);
}

/** One statement: a schema may hold more behind it, such as an ATTACH, which SQLite does not mind and `exec` would run. */
function make(database: DatabaseSync, sql: string): void {
  database.prepare(sql).run();
}

function literal(value: string | number): string {
  return typeof value === "number" ? String(value) : `'${value}'`;
}

// Which rows of which tables go where, and the proof that they are where they should be before anything is moved.
import type { DatabaseSync } from "node:sqlite";
import { LitewakeError } from "../../errors.ts";
import { type HashBits, shardOf } from "../hash.ts";
import { addSums, type RowSum, sumRows } from "./row-sum.ts";
import { differenceOf, quoted, type Schema, schemaOf, type Table } from "./schema.ts";

export interface ShardFile {
  readonly name: string;
  readonly path: string;
}

export interface Redistribution {
  /** Copies that may be written to: indexes are added. In the order of their numbers; undefined: that shard was never begun. */
  readonly from: readonly (ShardFile | undefined)[];
  readonly fromBits: HashBits;
  /** Not there yet. In the order of their numbers. */
  readonly to: readonly ShardFile[];
  readonly toBits: HashBits;
  /** The column whose value says which shard a row belongs to, by table. */
  readonly keys: Readonly<Record<string, string>>;
  /** Tables of which every shard holds all rows. */
  readonly everywhere: readonly string[];
}

export interface Source extends ShardFile {
  readonly number: number;
  readonly database: DatabaseSync;
}

/** The schema of all shards, and those that have it: where the application was never started there are no tables yet. */
export function commonSchema(sources: readonly Source[]): {
  readonly schema: Schema;
  readonly filled: readonly Source[];
} {
  const filled: Source[] = [];
  let common: { readonly schema: Schema; readonly name: string } | undefined;
  for (const source of sources) {
    const { name, database } = source;
    const schema = schemaOf(database, name);
    if (schema.tables.length === 0) continue;
    filled.push(source);
    common ??= { schema, name };
    const difference = differenceOf(common.schema, schema);
    if (difference === undefined) continue;
    throw new LitewakeError("refused", `${name} and ${common.name} are not made alike: ${difference} differs`, {
      next: "let the application bring all shards to one schema first",
    });
  }
  if (common === undefined)
    throw new LitewakeError("refused", "no shard has any table", { next: "nothing can be spread" });
  return { schema: common.schema, filled };
}

export interface TablePlan {
  readonly table: Table;
  readonly key: string | undefined;
  readonly before: RowSum;
}

/** What is to be done with each table, and what it holds in all shards together. */
export function planTables(
  schema: Schema,
  sources: readonly Source[],
  { keys, everywhere }: Redistribution,
): TablePlan[] {
  const byName = new Map(schema.tables.map((table) => [table.name.toLowerCase(), table]));
  const wanted = new Map<string, string>();
  for (const [name, column] of Object.entries(keys)) {
    const table = byName.get(name.toLowerCase());
    if (table === undefined) throw unknown("table", name, [...byName.keys()]);
    const found = table.columns.find((one) => one.toLowerCase() === column.toLowerCase());
    if (found === undefined) throw unknown(`column of ${name}`, column, table.columns);
    wanted.set(table.name, found);
  }
  const whole = new Set<string>();
  for (const name of everywhere) {
    const table = byName.get(name.toLowerCase());
    if (table === undefined) throw unknown("table", name, [...byName.keys()]);
    whole.add(table.name);
  }
  return schema.tables.map((table) => {
    const sums = sources.map(({ database }) => sumRows(database, table.name, table.columns));
    const key = wanted.get(table.name);
    if (key !== undefined) return { table, key, before: addSums(sums) };
    const [first = { rows: 0, sum: "0" }] = sums;
    if (!whole.has(table.name) && sums.some(({ rows }) => rows > 0)) {
      throw new LitewakeError("usage", `nothing says where the rows of ${table.name} belong`, {
        next: "name its key column in reshard: keys:, or the table in reshard: everywhere: if each shard holds all its rows",
      });
    }
    const other = sums.findIndex(({ sum }) => sum !== first.sum);
    if (other >= 0) {
      throw new LitewakeError(
        "refused",
        `${table.name} is not the same in ${sources[0]?.name} and ${sources[other]?.name}, though it is to be everywhere`,
        { next: "name its key column in reshard: keys: instead" },
      );
    }
    return { table, key: undefined, before: first };
  });
}

function unknown(what: string, name: string, known: readonly string[]): LitewakeError {
  return new LitewakeError("usage", `reshard: there is no ${what} ${JSON.stringify(name)}`, {
    next: `there are ${known.join(", ")}`,
  });
}

/** The bytes that are hashed: text as UTF-8, integers in decimal, blobs as they are. */
export function keyBytes(column: string, encoding: string | number): string {
  const name = quoted(column);
  if (encoding === "UTF-8") return `cast(${name} as blob)`;
  return `case typeof(${name}) when 'integer' then cast(${name} as text) else ${name} end`;
}

/** Makes the hash known to a connection, as a function of SQL. */
export function define(database: DatabaseSync, name: string, shards: number, bits: HashBits): void {
  database.function(name, { deterministic: true }, (key) =>
    typeof key === "string" || key instanceof Uint8Array ? shardOf(key, shards, bits) : -1,
  );
}

/** Proves that every row is where the hash says, and makes ready to find the rows of each new shard. */
export function prepare(
  source: Source,
  plan: readonly TablePlan[],
  { from, fromBits, to, toBits }: Redistribution,
): void {
  const { database, name: shard, number } = source;
  define(database, "litewake_from", from.length, fromBits);
  define(database, "litewake_to", to.length, toBits);
  const encoding = database.prepare("pragma encoding").get()?.["encoding"];
  for (const [n, { table, key }] of plan.entries()) {
    if (key === undefined) continue;
    const [name, column] = [quoted(table.name), quoted(key)];
    const bytes = keyBytes(key, String(encoding));
    const odd = database
      .prepare(
        `select typeof(${column}) as type from ${name} where typeof(${column}) not in ('text','integer','blob') limit 1`,
      )
      .get();
    if (odd !== undefined) {
      throw new LitewakeError("refused", `${shard}: a row of ${table.name} has ${String(odd["type"])} as its ${key}`, {
        next: "a key is text, an integer or a blob",
      });
    }
    const stray = database
      .prepare(
        `select ${column} as key, litewake_from(${bytes}) as shard from ${name} where litewake_from(${bytes}) <> ? limit 1`,
      )
      .get(number);
    if (stray !== undefined) {
      throw new LitewakeError(
        "refused",
        `${shard} holds the key ${JSON.stringify(String(stray["key"]))} in ${table.name}, which by the hash of ${key} belongs to shard ${String(stray["shard"])}`,
        { next: "check the key column in reshard: keys:, and hash:" },
      );
    }
    database.exec(`create index "litewake_reshard_${n}" on ${name} (litewake_to(${bytes}))`);
  }
}

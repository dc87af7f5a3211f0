// Spreads the rows of shards over other shards: every row goes where the hash of its key says, and nowhere else. Counts and
// sums over all rows are the same before and after, or nothing is said to be done. Blocks its thread.
import { closeSync, fsyncSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { LitewakeError } from "../../errors.ts";
import { addSums, type RowSum, sumRows } from "./row-sum.ts";
import { createOthers, createTables, quoted, type Schema, type Table } from "./schema.ts";
import {
  commonSchema,
  define,
  keyBytes,
  planTables,
  prepare,
  type Redistribution,
  type ShardFile,
  type Source,
  type TablePlan,
} from "./table-plan.ts";

/** What became of a table. */
export interface SpreadTable extends RowSum {
  readonly table: string;
  /** Undefined: every shard holds all its rows. */
  readonly key: string | undefined;
  /** Rows in each new shard. */
  readonly spread: readonly number[];
}

const SQLITE_CONSTRAINT = 19;

/** Throws a `LitewakeError`: `usage` for keys that do not fit, `refused` for rows that cannot be spread, `database`. */
export function redistribute(request: Redistribution): SpreadTable[] {
  const sources: Source[] = [];
  try {
    for (const [number, file] of request.from.entries()) {
      if (file !== undefined) sources.push({ ...file, number, database: open(file.path) });
    }
    const { schema, filled } = commonSchema(sources);
    const plan = planTables(schema, filled, request);
    for (const source of filled) prepare(source, plan, request);
    const spread = request.to.map((file, number) => fill(file, number, { schema, plan, sources: filled, request }));
    return plan.map(({ table, key, before }) => {
      const after = spread.map((sums) => sums.get(table.name) ?? { rows: 0, sum: "0" });
      prove(table, key, before, after);
      return { table: table.name, key, ...before, spread: after.map(({ rows }) => rows) };
    });
  } finally {
    for (const { database } of sources) database.close();
  }
}

function open(path: string): DatabaseSync {
  return new DatabaseSync(path, { enableForeignKeyConstraints: false });
}

/** For the user alone, as what is restored is: SQLite itself would ask the umask. */
function create(path: string): DatabaseSync {
  closeSync(openSync(path, "wx", 0o600));
  return open(path);
}

interface Filling {
  readonly schema: Schema;
  readonly plan: readonly TablePlan[];
  readonly sources: readonly Source[];
  readonly request: Redistribution;
}

/** Makes one new shard, and reads it again: what each table of it holds. */
function fill(file: ShardFile, number: number, { schema, plan, sources, request }: Filling): Map<string, RowSum> {
  const database = create(file.path);
  try {
    // A file that is not complete is thrown away: nothing of it need survive a crash.
    database.exec("pragma journal_mode=memory; pragma synchronous=off");
    createTables(database, schema);
    define(database, "litewake_to", request.to.length, request.toBits);
    for (const source of sources) {
      attached(database, source, () => {
        for (const { table, key } of plan) {
          if (key !== undefined)
            copy(database, table, {
              file,
              where: `litewake_to(${keyBytes(key, schema.pragmas.encoding)}) = ${number}`,
            });
          else if (source === sources[0]) copy(database, table, { file, where: "true" });
        }
        keepSequences(database);
      });
    }
    complain(file, "an index", () => createOthers(database, schema));
    proveForeignKeys(database, file, sources);
    database.exec("pragma journal_mode=wal");
    return new Map(plan.map(({ table, key }) => [table.name, sumPlaced(database, table, key, number, schema)]));
  } finally {
    database.close();
    sync(file.path);
  }
}

function attached(database: DatabaseSync, source: ShardFile, work: () => void): void {
  database.prepare("attach ? as old").run(source.path);
  database.exec("begin");
  work();
  database.exec("commit; detach old");
}

function copy(database: DatabaseSync, table: Table, { file, where }: { file: ShardFile; where: string }): void {
  const name = quoted(table.name);
  const columns = table.columns.map(quoted).join(", ");
  complain(file, table.name, () =>
    database.exec(`insert into main.${name} (${columns}) select ${columns} from old.${name} where ${where}`),
  );
}

/** AUTOINCREMENT promises numbers that no row ever had: the highest of all shards counts. */
function keepSequences(database: DatabaseSync): void {
  const has = database.prepare("select count(*) as n from old.sqlite_schema where name = 'sqlite_sequence'").get();
  if (has?.["n"] !== 1) return;
  database.exec(`
    insert into main.sqlite_sequence(name, seq)
      select name, 0 from old.sqlite_sequence where name not in (select name from main.sqlite_sequence);
    update main.sqlite_sequence set seq = max(seq, coalesce(
      (select o.seq from old.sqlite_sequence o where o.name = sqlite_sequence.name), 0))`);
}

/** Two shards may hold the same number as their primary key: harmless until their rows meet. */
function complain(file: ShardFile, what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const isConstraint =
      error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === SQLITE_CONSTRAINT;
    if (!isConstraint) throw error;
    throw new LitewakeError(
      "refused",
      `rows of different shards cannot live together in ${file.name}, in ${what}: ${error.message}`,
      {
        next: "what is unique in one shard must be so over all of them",
        cause: error,
      },
    );
  }
}

function proveForeignKeys(database: DatabaseSync, file: ShardFile, sources: readonly Source[]): void {
  const [broken] = database.prepare("pragma foreign_key_check").all();
  if (broken === undefined) return;
  // They may have been broken before; then it is not for us to mend.
  if (sources.some(({ database: source }) => source.prepare("pragma foreign_key_check").all().length > 0)) return;
  throw new LitewakeError(
    "refused",
    `in ${file.name} a row of ${String(broken["table"])} refers to one of ${String(broken["parent"])} that went to another shard`,
    { next: "both tables need the same key" },
  );
}

/** Counts only if every row is where it belongs. */
function sumPlaced(
  database: DatabaseSync,
  table: Table,
  key: string | undefined,
  number: number,
  { pragmas }: Schema,
): RowSum {
  const sums = sumRows(database, table.name, table.columns);
  if (key === undefined) return sums;
  const here = database.prepare(
    `select count(*) as n from ${quoted(table.name)} where litewake_to(${keyBytes(key, pragmas.encoding)}) = ?`,
  );
  const rows = here.get(number)?.["n"];
  if (rows !== sums.rows) throw new Error(`${table.name}: ${sums.rows - Number(rows)} rows are in the wrong shard`);
  return sums;
}

function prove(table: Table, key: string | undefined, before: RowSum, after: readonly RowSum[]): void {
  const sums = key === undefined ? after : [addSums(after)];
  const wrong = sums.find(({ rows, sum }) => rows !== before.rows || (sum !== before.sum && rows > 0));
  if (wrong === undefined) return;
  throw new LitewakeError(
    "internal",
    `${table.name} had ${before.rows} rows with the sum ${before.sum}, and has ${wrong.rows} with ${wrong.sum}`,
    { next: "nothing was changed; please report this" },
  );
}

function sync(path: string): void {
  const descriptor = openSync(path, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

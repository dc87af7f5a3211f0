// A sum over the rows of a table that does not depend on their order, so that rows spread anew can be compared with what
// they were: 128 bits of each row's SHA-256, added up.
import { hash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { quoted } from "./schema.ts";

const MASK = (1n << 128n) - 1n;

export interface RowSum {
  readonly rows: number;
  /** 32 hexadecimal digits. */
  readonly sum: string;
}

/** Sums of different sets of rows, as of one table in several databases. */
export function addSums(sums: readonly RowSum[]): RowSum {
  let total = 0n;
  let rows = 0;
  for (const one of sums) {
    total = (total + BigInt(`0x${one.sum}`)) & MASK;
    rows += one.rows;
  }
  return { rows, sum: hex(total) };
}

/** Reads the whole table; values count with their types, so that 1, 1.0 and '1' differ. */
export function sumRows(database: DatabaseSync, table: string, columns: readonly string[]): RowSum {
  // As a string, text that is no UTF-8 would be read as something else.
  const values = columns.map((name) => `typeof(${quoted(name)})='text', ${asBytes(name)}`).join(", ");
  const statement = database.prepare(`select ${values} from ${quoted(table)}`);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  let total = 0n;
  let rows = 0;
  for (const row of statement.iterate()) {
    // With `setReturnArrays` each row is an array.
    total = (total + digestOf(row as unknown as readonly unknown[])) & MASK;
    rows += 1;
  }
  return { rows, sum: hex(total) };
}

function asBytes(name: string): string {
  const column = quoted(name);
  return `case typeof(${column}) when 'text' then cast(${column} as blob) else ${column} end`;
}

function digestOf(row: readonly unknown[]): bigint {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < row.length; i += 2) {
    const value = row[i + 1];
    const bytes = bytesOf(value);
    const head = Buffer.alloc(9);
    head[0] = tagOf(value, row[i] === 1n);
    head.writeDoubleLE(bytes.byteLength, 1);
    parts.push(head, bytes);
  }
  return BigInt(`0x${hash("sha256", Buffer.concat(parts), "hex").slice(0, 32)}`);
}

function tagOf(value: unknown, isText: boolean): number {
  if (value === null) return 0;
  if (typeof value === "bigint") return 1;
  if (typeof value === "number") return 2;
  return isText ? 3 : 4;
}

function bytesOf(value: unknown): Uint8Array {
  if (value === null) return new Uint8Array();
  if (value instanceof Uint8Array) return value;
  const bytes = Buffer.alloc(8);
  if (typeof value === "bigint") bytes.writeBigInt64LE(value);
  else bytes.writeDoubleLE(Number(value));
  return bytes;
}

function hex(sum: bigint): string {
  return sum.toString(16).padStart(32, "0");
}

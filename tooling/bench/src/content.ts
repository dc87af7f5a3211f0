// Whether two databases hold the same rows.
import { hash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

/** A digest over all rows of a table, in their order. */
export function contentOf(file: string, table: "event" | "big" = "event"): string {
  const database = new DatabaseSync(file);
  try {
    let rows = 0;
    let digest = "";
    for (const row of database.prepare(`select * from ${table} order by id`).iterate()) {
      rows += 1;
      const values = Object.values(row).map((value) =>
        value instanceof Uint8Array ? value : Buffer.from(String(value)),
      );
      digest = hash("sha256", Buffer.concat([Buffer.from(digest), ...values]));
    }
    return `${rows} ${digest}`;
  } finally {
    database.close();
  }
}

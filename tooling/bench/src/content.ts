// Whether two databases hold the same rows.
import { hash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

/** A digest over all rows of the benchmark's table, in their order. */
export function contentOf(file: string): string {
  const database = new DatabaseSync(file);
  try {
    let rows = 0;
    let digest = "";
    for (const { id, key, body } of database.prepare("select id, key, body from event order by id").iterate()) {
      rows += 1;
      digest = hash(
        "sha256",
        Buffer.concat([Buffer.from(`${digest}${String(id)}${String(key)}`), Buffer.from(body as Uint8Array)]),
      );
    }
    return `${rows} ${digest}`;
  } finally {
    database.close();
  }
}

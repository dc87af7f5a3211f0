// SQLite's own look at a restored file.
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

export interface CheckRequest {
  readonly file: string;
  readonly check: "quick" | "full";
}

export interface CheckAnswer {
  /** What is wrong, at most a hundred lines. */
  readonly problems: readonly string[];
  /** Why the check could not be made: an extension that is not here. */
  readonly unable?: string | undefined;
}

/** Opens the file so that nothing appears beside it. Blocks until SQLite has read it whole. */
export function checkFile({ file, check }: CheckRequest): CheckAnswer {
  let db: DatabaseSync | undefined;
  try {
    db = openUntrusted(file);
    const rows = db.prepare(`pragma ${check === "full" ? "integrity_check" : "quick_check"}(100)`).all();
    const lines = rows.map((row) => String(Object.values(row)[0]));
    return { problems: lines.filter((line) => line !== "ok") };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // A collation, function or module of the application's own: nothing is known to be wrong.
    if (/no such (module|collation sequence|function)|unknown tokenizer|unsafe use of/.test(message)) {
      return { problems: [], unable: message };
    }
    return { problems: [message] };
  } finally {
    db?.close();
  }
}

/**
 * The file may be of somebody else's making: its schema runs nothing that is not harmless, and cells are looked at before they
 * are used (https://sqlite.org/security.html, "Untrusted SQLite database files"). Extensions are off by default in Node.
 */
export function openUntrusted(file: string): DatabaseSync {
  // Immutable: no -wal and no -shm appear beside the file.
  const db = new DatabaseSync(new URL(`${pathToFileURL(file).href}?immutable=1`), { readOnly: true });
  db.exec("pragma trusted_schema=off; pragma cell_size_check=on; pragma mmap_size=0");
  return db;
}

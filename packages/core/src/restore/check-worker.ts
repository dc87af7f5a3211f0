// The thread in which SQLite checks a restored file.
import { pathToFileURL } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

export interface CheckAnswer {
  /** What is wrong, at most a few lines. */
  readonly problems: readonly string[];
  /** Why the check could not be made: an extension that is not here. */
  readonly unable?: string | undefined;
}

function run(file: string, pragma: string): CheckAnswer {
  // Immutable: no -wal and no -shm appear beside the file.
  const url = `${pathToFileURL(file).href}?immutable=1`;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(new URL(url), { readOnly: true });
    const rows = db.prepare(`pragma ${pragma}(5)`).all();
    const lines = rows.map((row) => String(Object.values(row)[0]));
    return { problems: lines.length === 1 && lines[0] === "ok" ? [] : lines };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // A collation, function or module of the application's own: nothing is known to be wrong.
    if (/no such (module|collation sequence|function)/.test(message)) return { problems: [], unable: message };
    return { problems: [message] };
  } finally {
    db?.close();
  }
}

const { file, pragma }: { readonly file: string; readonly pragma: string } = workerData;
parentPort?.postMessage(run(file, pragma));

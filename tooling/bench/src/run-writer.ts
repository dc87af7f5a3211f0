// The writer of the benchmark in a process of its own.
import path from "node:path";
import { runToEnd } from "@litewake-tooling/testkit";

/** Milliseconds for a commit; commits a second. */
export interface WriterFigures {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly perSecond: number;
}

export interface Writing {
  readonly seconds: number;
  /** Transactions a second; 0: full speed. */
  readonly rate: number;
  /** A file that gets a line for each commit. */
  readonly marksFile?: string;
}

const writer = path.join(import.meta.dirname, "writer.ts");
const REPORT = "report ";

/** Resolves when it has ended, with what it measured; rejects where that is not well. */
export async function runWriter(database: string, { seconds, rate, marksFile }: Writing): Promise<WriterFigures> {
  const marks = marksFile === undefined ? [] : [marksFile];
  const words = [writer, database, String(seconds), String(rate), ...marks];
  const { stdout, code, stderr } = await runToEnd(process.execPath, words);
  const line = stdout.split("\n").find((text) => text.startsWith(REPORT));
  if (code !== 0 || line === undefined) throw new Error(`the writer ended with ${code}: ${stderr}`);
  return JSON.parse(line.slice(REPORT.length)) as WriterFigures;
}

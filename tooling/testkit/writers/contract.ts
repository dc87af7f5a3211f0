// The command line that every writer of the ledger understands, in whatever language it is written:
//
//   <writer> DB [--name value]...
//
// It prints `ready` once the database is open, `committed SEQ MS` (the last sequence number that is certainly committed,
// and the wall clock in milliseconds) every `--report-every` commits, and `report JSON` as its last line. SIGTERM, or the
// end of its standard input, stops it between two transactions. The chain: hash(n) = sha256 of "hash(n-1)|n|payload" in
// hex; hash(0) is the empty text.
import { createHash } from "node:crypto";

export interface LedgerOptions {
  readonly database: string;
  /** Transactions a second; 0 is as fast as it goes. */
  readonly rate: number;
  /** Ends after this many commits; 0: no bound. */
  readonly commits: number;
  /** Ends after this many seconds; 0: no bound. */
  readonly seconds: number;
  /** Rows appended by one transaction: 1 up to this many. */
  readonly rows: number;
  readonly payloadBytes: number;
  /** Every so many transactions also rewrite an older row of a second table; 0: never. */
  readonly touchEvery: number;
  readonly begin: "immediate" | "deferred";
  readonly busyTimeoutMs: number;
  readonly synchronous: string;
  /** Pages; -1 leaves SQLite's own (1000). */
  readonly autocheckpoint: number;
  /** Bytes; -2 leaves SQLite's own. */
  readonly journalSizeLimit: number;
  /** Only for a database that is made now; 0 leaves SQLite's own. */
  readonly pageSize: number;
  readonly reportEvery: number;
  /** Closes and opens its connection after so many commits; 0: never. */
  readonly reopenEvery: number;
  /** A checkpoint of this mode each so many ms on the writing connection, as "TRUNCATE:100"; "" for none. */
  readonly checkpoint: string;
  readonly journalMode: string;
}

/** The settings that a connection gets when it is opened, as statements. */
export function pragmas(options: LedgerOptions): string[] {
  return [
    ...(options.pageSize > 0 ? [`pragma page_size=${options.pageSize}`] : []),
    `pragma busy_timeout=${options.busyTimeoutMs}`,
    `pragma journal_mode=${options.journalMode}`,
    `pragma synchronous=${options.synchronous}`,
    ...(options.autocheckpoint >= 0 ? [`pragma wal_autocheckpoint=${options.autocheckpoint}`] : []),
    ...(options.journalSizeLimit >= -1 ? [`pragma journal_size_limit=${options.journalSizeLimit}`] : []),
  ];
}

export const SCHEMA = [
  "create table if not exists ledger(seq integer primary key, prev text not null, payload blob not null, hash text not null)",
  "create table if not exists touched(slot integer primary key, seq integer not null)",
];

export const LAST_ROW = "select seq, hash from ledger order by seq desc limit 1";

export function chain(prev: string, seq: number, payload: Uint8Array): string {
  return createHash("sha256").update(`${prev}|${seq}|`).update(payload).digest("hex");
}

export function readOptions(argv: readonly string[]): LedgerOptions {
  const [database = "", ...rest] = argv;
  const given = flags(rest);
  const number = (name: string, fallback: number) => Number(given.get(name) ?? fallback);
  return {
    database,
    rate: number("rate", 0),
    commits: number("commits", 0),
    seconds: number("seconds", 0),
    rows: number("rows", 1),
    payloadBytes: number("payload-bytes", 100),
    touchEvery: number("touch-every", 0),
    begin: given.get("begin") === "deferred" ? "deferred" : "immediate",
    busyTimeoutMs: number("busy-timeout-ms", 5000),
    synchronous: given.get("synchronous") ?? "normal",
    autocheckpoint: number("autocheckpoint", -1),
    journalSizeLimit: number("journal-size-limit", -2),
    pageSize: number("page-size", 0),
    reportEvery: number("report-every", 1),
    reopenEvery: number("reopen-every", 0),
    checkpoint: given.get("checkpoint") ?? "",
    journalMode: given.get("journal-mode") ?? "wal",
  };
}

/** `--name value` pairs. */
export function flags(argv: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  for (let i = 0; i + 1 < argv.length; i += 2) given.set(String(argv[i]).replace(/^--/, ""), String(argv[i + 1]));
  return given;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** True once somebody asked this process to stop. */
export function stopRequest(): { readonly requested: boolean } {
  const stop = { requested: false };
  const request = () => {
    stop.requested = true;
  };
  process.on("SIGTERM", request);
  process.stdin.on("end", request).on("error", request).resume();
  process.stdin.unref?.();
  return stop;
}

export function errorText(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ").slice(0, 120);
}

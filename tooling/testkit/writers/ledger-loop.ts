// The ledger's loop for writers in JavaScript; each brings its own connection.
import { randomFillSync } from "node:crypto";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import {
  chain,
  errorText,
  LAST_ROW,
  type LedgerOptions,
  pragmas,
  readOptions,
  say,
  SCHEMA,
  stopRequest,
} from "./contract.ts";
import { Report } from "./report.ts";

export interface LastRow {
  readonly seq: number;
  readonly hash: string;
}

/** One connection. Results may be promises (the shell is another process) or plain values. */
export interface LedgerConnection {
  exec(sql: string): void | Promise<void>;
  last(sql: string): (LastRow | undefined) | Promise<LastRow | undefined>;
  append(seq: number, prev: string, payload: Uint8Array, hash: string): void | Promise<void>;
  close(): void | Promise<void>;
}

export type OpenConnection = (database: string) => LedgerConnection | Promise<LedgerConnection>;

const YIELD_MS = 20;
const RETRY_MS = 1;

/** Writes until it is told to stop, or its bound is reached. */
export async function runLedger(open: OpenConnection, argv: readonly string[]): Promise<void> {
  const options = readOptions(argv);
  const stop = stopRequest();
  const report = new Report();
  let connection = await openConnection(open, options);
  for (const sql of SCHEMA) await untilFree(connection, sql);
  say("ready");
  const begun = performance.now();
  let commits = 0;
  let lastSeq = 0;
  let yielded = begun;
  let checkpointed = begun;
  const [mode = "", everyMs = "0"] = options.checkpoint.split(":");
  const done = () =>
    stop.requested ||
    (options.commits > 0 && commits >= options.commits) ||
    (options.seconds > 0 && performance.now() - begun >= options.seconds * 1000);
  while (!done()) {
    if (options.rate > 0) {
      const dueMs = (commits / options.rate) * 1000 - (performance.now() - begun);
      if (dueMs > 0) {
        await sleep(Math.min(dueMs, YIELD_MS));
        continue;
      }
    }
    const from = performance.now();
    try {
      lastSeq = await transact(connection, options, commits);
    } catch (error) {
      report.failed(errorText(error));
      await rollback(connection);
      await sleep(RETRY_MS);
      continue;
    }
    const now = performance.now();
    report.took(now - from);
    commits++;
    if (commits % options.reportEvery === 0) say(`committed ${lastSeq} ${Date.now()}`);
    if (mode !== "" && now - checkpointed >= Number(everyMs)) {
      await attempt(connection, `pragma wal_checkpoint(${mode})`, report);
      checkpointed = performance.now();
    }
    if (options.reopenEvery > 0 && commits % options.reopenEvery === 0) {
      await connection.close();
      connection = await openConnection(open, options);
    }
    if (now - yielded >= YIELD_MS) {
      await setImmediate();
      yielded = performance.now();
    }
  }
  say(`committed ${lastSeq} ${Date.now()}`);
  await connection.close();
  say(report.line(lastSeq));
  process.stdin.destroy();
}

async function openConnection(open: OpenConnection, options: LedgerOptions): Promise<LedgerConnection> {
  const connection = await open(options.database);
  for (const sql of pragmas(options)) await untilFree(connection, sql);
  return connection;
}

/** Appends its rows and resolves with the last sequence number, committed. */
async function transact(connection: LedgerConnection, options: LedgerOptions, turn: number): Promise<number> {
  await connection.exec(`begin ${options.begin}`);
  const before = await connection.last(LAST_ROW);
  let seq = before?.seq ?? 0;
  let hash = before?.hash ?? "";
  const rows = 1 + (turn % options.rows);
  for (let i = 0; i < rows; i++) {
    const payload = randomFillSync(Buffer.allocUnsafe(options.payloadBytes));
    const next = chain(hash, ++seq, payload);
    await connection.append(seq, hash, payload, next);
    hash = next;
  }
  if (options.touchEvery > 0 && turn % options.touchEvery === 0) {
    await connection.exec(`insert or replace into touched values(${seq % 97}, ${seq})`);
  }
  await connection.exec("commit");
  return seq;
}

async function rollback(connection: LedgerConnection): Promise<void> {
  try {
    await connection.exec("rollback");
  } catch {
    // BEGIN itself failed: there is nothing to roll back.
  }
}

async function attempt(connection: LedgerConnection, sql: string, report: Report): Promise<void> {
  try {
    await connection.exec(sql);
  } catch (error) {
    report.failed(errorText(error));
  }
}

/** Opening a database beside others may meet a lock; that is not what is measured. */
async function untilFree(connection: LedgerConnection, sql: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await connection.exec(sql);
    } catch (error) {
      if (performance.now() > deadline || !/locked|busy/i.test(errorText(error))) throw error;
      await sleep(5);
    }
  }
}

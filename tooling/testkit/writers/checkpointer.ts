// Checkpoints as somebody else's program does, all the time: `checkpointer DB --modes TRUNCATE,RESTART --every-ms N
// --busy-timeout-ms N`. Reports how many of each mode succeeded or were busy, and the longest.
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { errorText, flags, say, stopRequest } from "./contract.ts";

const [database = "", ...rest] = process.argv.slice(2);
const given = flags(rest);
const modes = (given.get("modes") ?? "TRUNCATE,RESTART,FULL,PASSIVE").split(",");
const everyMs = Number(given.get("every-ms") ?? 0);
const stop = stopRequest();
const db = new DatabaseSync(database, { timeout: Number(given.get("busy-timeout-ms") ?? 2000) });
const report = {
  done: 0,
  busy: 0,
  longestMs: 0,
  byMode: {} as Record<string, { done: number; busy: number }>,
  errors: {} as Record<string, number>,
};
db.exec("pragma wal_autocheckpoint=0");
say("ready");
for (let turn = 0; !stop.requested; turn++) {
  const mode = String(modes[turn % modes.length]);
  const tally = (report.byMode[mode] ??= { done: 0, busy: 0 });
  const begun = performance.now();
  try {
    const row = db.prepare(`pragma wal_checkpoint(${mode})`).get();
    const kind = Number(row?.["busy"]) === 0 ? "done" : "busy";
    tally[kind]++;
    report[kind]++;
  } catch (error) {
    const text = errorText(error);
    report.errors[text] = (report.errors[text] ?? 0) + 1;
  }
  report.longestMs = Math.max(report.longestMs, performance.now() - begun);
  await sleep(everyMs);
}
db.close();
say(`report ${JSON.stringify(report)}`);
process.stdin.destroy();

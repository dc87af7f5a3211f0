// Holds a read transaction, lets go, and begins again: `reader DB --hold-ms N --pause-ms N`. Prints `holding` each time it
// has one (a SELECT took its place in the WAL) and `report JSON` at the end.
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { flags, say, stopRequest } from "./contract.ts";

const [database = "", ...rest] = process.argv.slice(2);
const given = flags(rest);
const holdMs = Number(given.get("hold-ms") ?? 500);
const pauseMs = Number(given.get("pause-ms") ?? 10);
const stop = stopRequest();
const db = new DatabaseSync(database, { timeout: 5000 });
let held = 0;
say("ready");

async function waitFor(ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (!stop.requested && performance.now() < until)
    await sleep(Math.min(20, Math.max(1, until - performance.now())));
}

while (!stop.requested) {
  db.exec("begin");
  db.prepare("select count(*) from sqlite_schema").get();
  held++;
  say("holding");
  await waitFor(holdMs);
  db.exec("commit");
  await waitFor(pauseMs);
}
db.close();
say(`report ${JSON.stringify({ held })}`);
process.stdin.destroy();

// Counts how often `PRAGMA data_version` changes, as an application that reloads on change sees it:
// `data-version DB --every-ms N`.
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { flags, say, stopRequest } from "./contract.ts";

const [database = "", ...rest] = process.argv.slice(2);
const everyMs = Number(flags(rest).get("every-ms") ?? 1);
const stop = stopRequest();
const db = new DatabaseSync(database, { timeout: 5000 });
const look = db.prepare("pragma data_version");
const version = () => Number(look.get()?.["data_version"]);
let last = version();
let changes = 0;
let looks = 0;
say("ready");
while (!stop.requested) {
  await sleep(everyMs);
  const now = version();
  looks++;
  if (now !== last) changes++;
  last = now;
}
db.close();
say(`report ${JSON.stringify({ looks, changes })}`);
process.stdin.destroy();

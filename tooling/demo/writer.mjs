// The application of the demo: commits orders to a database in WAL mode until it is told to stop, then says what it did.
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

const [path, perSecond] = process.argv.slice(2);
const db = new DatabaseSync(path, { timeout: 5000 });
db.exec("pragma journal_mode=wal; pragma synchronous=normal");
db.exec(
  "create table if not exists orders(id integer primary key, customer text not null, note text not null, seal text not null)",
);
const insert = db.prepare("insert into orders values(?, ?, ?, ?)");
const touch = db.prepare("update orders set note = ? where id = ?");

let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});

let commits = 0;
let slowestMs = 0;
const latencies = [];
const started = performance.now();

function commitOne() {
  const id = ++commits;
  const note = `order ${id} of ${new Date().toISOString()}`;
  const seal = createHash("sha256").update(`${id}|${note}`).digest("hex");
  const begun = performance.now();
  db.exec("begin immediate");
  insert.run(id, `customer-${id % 97}`, note, seal);
  if (id % 10 === 0) touch.run(`touched by ${id}`, id - 5);
  db.exec("commit");
  const ms = performance.now() - begun;
  latencies.push(ms);
  slowestMs = Math.max(slowestMs, ms);
}

function tick() {
  const due = Math.floor(((performance.now() - started) / 1000) * Number(perSecond));
  while (commits < due) commitOne();
  if (!stopping) return void setTimeout(tick, 5);
  latencies.sort((a, b) => a - b);
  const middle = latencies[Math.floor(latencies.length / 2)] ?? 0;
  process.stdout.write(`${JSON.stringify({ commits, medianMs: middle, slowestMs })}\n`);
  db.close();
}

process.stdout.write("ready\n");
tick();

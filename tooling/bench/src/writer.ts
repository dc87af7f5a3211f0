// The writer of the benchmark: transactions of two rows, each one's time kept. `writer DB SECONDS RATE [MARKS]`; a rate of 0 is
// full speed. With a file for marks it notes when each transaction was committed: `SEQUENCE MILLISECONDS`.
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";

const [file = "", seconds = "1", rate = "0", marksFile = ""] = process.argv.slice(2);
const database = new DatabaseSync(file, { timeout: 30_000 });
database.exec(
  "pragma journal_mode=wal; pragma synchronous=normal; create table if not exists event(id integer primary key, key text, body text); create index if not exists by_key on event(key)",
);
const insert = database.prepare("insert into event(key, body) values (?, ?)");
const begin = database.prepare("begin immediate");
const commit = database.prepare("commit");
const body = "0123456789abcdef".repeat(12);
const perSecond = Number(rate);
const marks: string[] = [];
const times: number[] = [];
process.stdout.write("ready\n");

let sequence = 0;
const start = performance.now();
const end = start + Number(seconds) * 1000;
for (let now = start; now < end; now = performance.now()) {
  if (perSecond > 0) {
    const due = start + (sequence * 1000) / perSecond;
    if (due > now) {
      await new Promise((resolve) => setTimeout(resolve, due - now));
      continue;
    }
  }
  sequence += 1;
  const began = performance.now();
  begin.run();
  insert.run(`key-${(sequence * 2654435761) % 4294967296}`, body);
  insert.run(`mark-${String(sequence).padStart(9, "0")}`, body);
  commit.run();
  const ended = performance.now();
  times.push(ended - began);
  if (marksFile !== "") marks.push(`${sequence} ${performance.timeOrigin + ended}`);
  // Without it a full-speed writer would starve its own timers; it is not counted.
  if (perSecond === 0 && sequence % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
}
const elapsed = (performance.now() - start) / 1000;
database.close();
if (marksFile !== "") fs.writeFileSync(marksFile, `${marks.join("\n")}\n`);
times.sort((a, b) => a - b);
const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
const report = { mean, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1), perSecond: times.length / elapsed };
process.stdout.write(`report ${JSON.stringify(report)}\n`);

// The main job before your eyes: a program writes to a database, Litewake ships it to a folder, is killed in mid-flight,
// starts again, and the database comes back, every row of it.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

const PER_SECOND = 200;
const FIRST_PART_MS = 4000;
const SECOND_PART_MS = 4000;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "litewake-demo-"));
const database = path.join(folder, "shop.db");
const replica = path.join(folder, "replica");
const restored = path.join(folder, "restored.db");
const url = `file://${replica}`;
const children = new Set();

function say(text = "") {
  process.stdout.write(`${text}\n`);
}

function step(number, text) {
  say(`\n ${number}. ${text}`);
}

function fact(name, value) {
  say(`      ${name.padEnd(34)} ${value}`);
}

function start(command, args) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const lines = [];
  let output = "";
  const take = (chunk) => {
    output += chunk;
    lines.splice(0, lines.length, ...output.split("\n"));
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve({ code, signal })));
  void ended.then(() => children.delete(child));
  return { child, lines, ended, output: () => output };
}

async function until(running, pattern, what) {
  const deadline = performance.now() + 30_000;
  while (!pattern.test(running.output())) {
    if (performance.now() > deadline || running.child.exitCode !== null) {
      throw new Error(`${what} did not get ready:\n${running.output()}`);
    }
    await sleep(20);
  }
}

function replicate() {
  return start("litewake", ["replicate", database, url]);
}

function rows(file) {
  const db = new DatabaseSync(file);
  try {
    return db.prepare("select id, customer, note, seal from orders order by id").all();
  } finally {
    db.close();
  }
}

function countNow() {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    return db.prepare("select max(id) as last from orders").get().last;
  } finally {
    db.close();
  }
}

function objects() {
  const files = fs.readdirSync(replica, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, file) => sum + fs.statSync(path.join(file.parentPath, file.name)).size, 0);
  return { count: files.length, bytes, generations: fs.readdirSync(path.join(replica, "generations")).length };
}

/** How long the newest object of the replica lags behind the last change of the database's WAL. */
function newestObject() {
  const files = fs.readdirSync(replica, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((file) => fs.statSync(path.join(file.parentPath, file.name)).mtimeMs));
}

async function measureLag(forMs) {
  const lags = [];
  const deadline = performance.now() + forMs;
  while (performance.now() < deadline) {
    lags.push(Math.max(0, Date.now() - newestObject()));
    await sleep(50);
  }
  return { mean: lags.reduce((a, b) => a + b, 0) / lags.length, worst: Math.max(...lags) };
}

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

async function main() {
  say("\n Litewake: a live SQLite database ships to a folder and comes back");
  say(` ${"=".repeat(66)}`);
  fact("working folder", folder);

  step(1, `A program of its own commits ${PER_SECOND} orders a second to shop.db`);
  const writer = start("node", [path.join(import.meta.dirname, "writer.mjs"), database, String(PER_SECOND)]);
  await until(writer, /ready/, "the writer");

  step(2, "`litewake replicate shop.db file://…/replica` follows it");
  const first = replicate();
  await until(first, /snapshot written/, "litewake");
  const lag = await measureLag(FIRST_PART_MS);
  fact("age of the newest object, mean", ms(lag.mean));
  fact("age of the newest object, worst", ms(lag.worst));

  step(3, "litewake is killed with SIGKILL in mid-flight; the program goes on");
  first.child.kill("SIGKILL");
  const { signal } = await first.ended;
  fact("it ended by", signal);
  fact("orders committed at that moment", countNow());
  await sleep(500);
  fact("half a second later", countNow());

  step(4, "litewake is started again");
  const began = performance.now();
  const second = replicate();
  await until(second, /same generation goes on|new generation/, "litewake");
  fact("it found its place after", ms(performance.now() - began));
  fact("how", /same generation goes on/.test(second.output()) ? "same generation, no new snapshot" : "new generation");
  await sleep(SECOND_PART_MS);

  step(5, "The program stops, then litewake ships what is left and stops");
  writer.child.kill("SIGTERM");
  await writer.ended;
  const report = JSON.parse(writer.lines.find((line) => line.startsWith("{")) ?? "{}");
  const stopBegan = performance.now();
  second.child.kill("SIGTERM");
  const { code } = await second.ended;
  if (code !== 0) throw new Error(`litewake ended with ${code}:\n${second.output()}`);
  fact("commits", report.commits);
  fact("median commit", ms(report.medianMs));
  fact("slowest commit", ms(report.slowestMs));
  fact("last sync and stop", ms(performance.now() - stopBegan));
  const shop = fs.statSync(database).size;
  const stored = objects();
  fact("database", kib(shop));
  fact("replica", `${stored.count} objects, ${kib(stored.bytes)}, ${stored.generations} generation(s)`);

  step(6, "`litewake restore -o restored.db file://…/replica`");
  const restoreBegan = performance.now();
  const restore = spawnSync("litewake", ["restore", "-o", restored, url], { encoding: "utf8" });
  if (restore.status !== 0) throw new Error(`restore failed:\n${restore.stdout}${restore.stderr}`);
  fact("time", ms(performance.now() - restoreBegan));
  for (const line of `${restore.stdout}${restore.stderr}`.trim().split("\n")) say(`      ${line}`);

  step(7, "Every row is compared");
  const live = rows(database);
  const back = rows(restored);
  const differing = live.filter((row, i) => JSON.stringify(row) !== JSON.stringify(back[i])).length;
  fact("rows in shop.db", live.length);
  fact("rows in restored.db", back.length);
  fact("rows that differ", differing);
  if (live.length !== report.commits || back.length !== live.length || differing > 0) {
    throw new Error("the restored database is not the one that was replicated");
  }
  say("\n    All of it is there.\n");
}

try {
  await main();
  fs.rmSync(folder, { recursive: true, force: true });
} catch (error) {
  console.error(`\n    The demo failed: ${error instanceof Error ? error.message : String(error)}`);
  console.error(`    Its files are kept in ${folder}\n`);
  process.exitCode = 1;
} finally {
  for (const child of children) child.kill("SIGKILL");
}

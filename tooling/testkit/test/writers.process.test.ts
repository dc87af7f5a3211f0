// Every writer keeps its contract; what is started ends with the test process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  compareDatabases,
  lookInto,
  phantomCommit,
  repositoryRoot,
  spawnWorkload,
  spawnWriter,
  tempDir,
  verifyLedger,
  writerKinds,
} from "@litewake-tooling/testkit";

test.for(writerKinds)("%s appends to the ledger and says what it committed", async (kind) => {
  using folder = tempDir();
  const file = folder.join("a.db");
  await using writer = await spawnWriter(kind, file, {
    commits: 60,
    rows: 3,
    touchEvery: 4,
    pageSize: 1024,
    reopenEvery: 25,
  });
  const report = await writer.finished();
  expect(report).toMatchObject({ commits: 60, lastSeq: 120, errors: {} });
  expect(writer.committed()).toBe(120);
  expect(verifyLedger(file)).toEqual({ ok: true, rows: 120, lastSeq: 120 });
  expect(lookInto(file, (db) => db.prepare("pragma page_size").get())).toEqual({ page_size: 1024 });
});

test("writers of all kinds share one ledger", async () => {
  using folder = tempDir();
  const file = folder.join("a.db");
  const writers = await Promise.all(writerKinds.map((kind) => spawnWriter(kind, file, { rate: 100 })));
  await Promise.all(writers.map((writer) => writer.reached(60)));
  const reports = await Promise.all(writers.map((writer) => writer.stop()));
  const proof = verifyLedger(file);
  expect(proof.ok).toBe(true);
  expect(proof.rows).toBe(reports.reduce((sum, report) => sum + report.commits, 0));
});

test("a killed writer loses nothing that it reported", async () => {
  using folder = tempDir();
  const file = folder.join("a.db");
  const writer = await spawnWriter("node-sqlite", file);
  await writer.reached(200);
  const reported = await writer.kill();
  const proof = verifyLedger(file);
  expect(proof.ok).toBe(true);
  expect(proof.lastSeq).toBeGreaterThanOrEqual(reported);
});

test("the workload is the same for the same seed, and another for another", async () => {
  using folder = tempDir();
  const files = ["a.db", "b.db", "c.db"].map((name) => folder.join(name));
  for (const [i, file] of files.entries()) {
    const workload = await spawnWorkload(file, { seed: i === 2 ? 8 : 7, steps: 60, pageSize: 512, hugeBytes: 1 << 20 });
    await workload.finished();
  }
  const [a = "", b = "", c = ""] = files;
  expect(compareDatabases(a, b)).toEqual([]);
  expect(compareDatabases(a, c)).not.toEqual([]);
});

test("a phantom commit is valid to whoever reads the file, and overwritten by the next writer", async () => {
  using folder = tempDir();
  const file = folder.join("a.db");
  await using writer = await spawnWriter("node-sqlite", file, { autocheckpoint: 0 });
  await writer.reached(10);
  await writer.kill();
  // The wal-index went with the writer's connections; a connection of our own rebuilds it and keeps it in place.
  await using idle = await spawnWriter("python", file, { autocheckpoint: 0, rate: 0.001 });
  await idle.reached(11);
  const { lastSeq } = verifyLedger(file);
  const { frames } = await phantomCommit(file, "update ledger set payload = x'00' where seq = 1");
  expect(frames).toBeGreaterThan(0);
  expect(verifyLedger(file)).toMatchObject({ ok: false });
  await using next = await spawnWriter("python", file, { autocheckpoint: 0, commits: 5 });
  await next.finished();
  expect(verifyLedger(file)).toMatchObject({ ok: true, lastSeq: lastSeq + 5 });
});

test("what a killed test process had started is killed, and its folders are removed", async () => {
  const kit = path.join(repositoryRoot, "tooling/testkit/src/index.ts");
  const script = `import { spawnWriter, tempDir } from ${JSON.stringify(kit)};
    const folder = tempDir("orphan");
    const writer = await spawnWriter("python", folder.join("a.db"), { rate: 10 });
    process.stdout.write(JSON.stringify({ pid: writer.process.pid, folder: folder.path }));`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  const [said] = await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => [""])]);
  const { pid, folder } = JSON.parse(String(said)) as { pid: number; folder: string };
  expect(isAlive(pid)).toBe(true);
  child.kill("SIGKILL");
  await expect.poll(() => isAlive(pid) || fs.existsSync(folder), { timeout: 10_000 }).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

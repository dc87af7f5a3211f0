// Verification of a large replica: memory stays bounded, and it takes no longer than the restore of the same replica.
import fs from "node:fs";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { memoryBackedDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { startReplicator } from "../fixtures/replica-run.ts";

const MIB = 2 ** 20;
const PAYLOAD = 600 * MIB;

interface Told {
  readonly ms: number;
  readonly peakMiB: number;
  readonly sound?: boolean;
  readonly bytes?: number;
}

/** Runs in a process of its own, so that its memory is its own. */
function inItsOwnProcess(what: "verify" | "restore", replica: string, output: string): Told {
  const program = path.join(import.meta.dirname, "../fixtures/read-replica.ts");
  const args = ["--conditions=@litewake/source", "--disable-warning=ExperimentalWarning", program];
  const { stdout, stderr } = spawnSync(process.execPath, [...args, what, replica, output], { encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Told;
}

it("verify of 600 MB needs as little memory as a restore, and less time", async () => {
  using folder = memoryBackedDir(3.5 * PAYLOAD);
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  const db = new DatabaseSync(database, { timeout: 10_000 });
  db.exec("pragma journal_mode=wal; pragma synchronous=off; create table t(x blob)");
  const insert = db.prepare("insert into t values (randomblob(400000) || zeroblob(600000))");
  // Half of it comes in the snapshot, half through the WAL.
  for (let n = 0; n < PAYLOAD / 2 / 1_000_000; n++) insert.run();
  await using replicator = await startReplicator({ database, replicas: [`file://${replica}`] });
  for (let n = 0; n < PAYLOAD / 2 / 1_000_000; n++) insert.run();
  await replicator.stop(120_000);
  db.close();
  const restored = inItsOwnProcess("restore", replica, folder.join("restored.db"));
  fs.rmSync(folder.join("restored.db"));
  const verified = inItsOwnProcess("verify", replica, "");
  process.stdout.write(
    `verify: ${verified.ms} ms, ${verified.peakMiB} MiB; restore: ${restored.ms} ms, ${restored.peakMiB} MiB\n`,
  );
  expect(verified).toMatchObject({ sound: true });
  expect(verified.bytes).toBeGreaterThan(PAYLOAD / 3);
  // Node, four decoding threads and what is read ahead: the same for a terabyte.
  expect(verified.peakMiB).toBeLessThan(400);
});

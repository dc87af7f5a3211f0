// The WAL may be restarted while the first snapshot of a generation is being stored, before any of it was shipped.
import fs from "node:fs";
import path from "node:path";
import { ManagedProcess, tempDir } from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { overriding } from "../../src/backend/overriding.ts";
import { Replication } from "../../src/shipping/replication.ts";
import { expectSame, generationsIn, objectsIn, restored } from "../fixtures/replica-run.ts";

const PROGRAM = `
  const db = new (require("node:sqlite").DatabaseSync)(process.argv[1]);
  for (const sql of process.argv.slice(2)) db.prepare(sql).all();
  console.log("ready");
  process.stdin.resume();`;

/** Runs statements in another process, which then keeps the database open: its WAL stays as it is, and known as it is. */
async function elsewhere(database: string, ...statements: readonly string[]): Promise<ManagedProcess> {
  const running = new ManagedProcess(process.execPath, ["-e", PROGRAM, database, ...statements]);
  await running.waitFor(/^ready$/);
  return running;
}

it("a commit into the WAL that was begun meanwhile is restored, in the same generation, however short it is", async () => {
  using folder = tempDir("first-snapshot");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  const rows = Array.from({ length: 40 }, (_, n) => `insert into t values (${n}, randomblob(3000))`);
  await using _application = await elsewhere(
    database,
    "pragma journal_mode=wal",
    "create table t(n, b)",
    ...rows,
    "pragma wal_checkpoint(passive)",
  );
  expect(fs.statSync(`${database}-wal`).size).toBeGreaterThan(40 * 4096);
  const client = await file.open({ url: `file://${replica}`, settings: {}, env: {} });
  let restarts = 0;
  const replication = await Replication.start({
    logger: () => {},
    databases: [
      {
        path: database,
        replicas: [
          {
            name: "replica",
            client: overriding(client, {
              put: async (key, body, options) => {
                const result = await client.put(key, body, options);
                if (key.includes("/snapshots/") && restarts++ === 0) {
                  await using _other = await elsewhere(
                    database,
                    "pragma wal_checkpoint(truncate)",
                    "insert into t values (-1, 'late')",
                  );
                  // Time to see it, before this put is acknowledged.
                  await new Promise((resolve) => setTimeout(resolve, 200));
                }
                return result;
              },
            }),
            syncIntervalMs: 20,
            snapshotIntervalMs: 0,
            retentionMs: 0,
            retentionCheckIntervalMs: 3_600_000,
          },
        ],
      },
    ],
  });
  await replication.sync();
  expect(restarts).toBe(1);
  expect(generationsIn(replica)).toHaveLength(1);
  // Shorter than the WAL in which the snapshot was taken.
  const [first = ""] = objectsIn(replica, "/wal/");
  expect(path.basename(first)).toBe("00000000_00000000.wal.lz4");
  const db = new DatabaseSync(await restored(replica));
  expect(db.prepare("select b from t where n = -1").get()).toEqual({ b: "late" });
  db.close();
  await replication.stop();
  await expectSame(database, replica);
});

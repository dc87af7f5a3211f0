// Many large databases that begin at the same time, as a configuration for Litestream may have them.
import { tempDir } from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { Replication, silent } from "../../src/index.ts";

const DATABASES = 10;
const LARGE = 17 << 20;

it("no more than four of their snapshots go to a store at a time", async () => {
  using folder = tempDir("at-once");
  const now = { large: 0, most: 0 };
  const watched = (inner: ReplicaClient): ReplicaClient => ({
    type: inner.type,
    url: inner.url,
    capabilities: inner.capabilities,
    list: (prefix, options) => inner.list(prefix, options),
    get: (key, options) => inner.get(key, options),
    put: async (key, body, options) => {
      if (!key.includes("/snapshots/")) return inner.put(key, body, options);
      now.large += 1;
      now.most = Math.max(now.most, now.large);
      try {
        await sleep(100);
        return await inner.put(key, body, options);
      } finally {
        now.large -= 1;
      }
    },
    delete: (keys, options) => inner.delete(keys, options),
    close: () => inner.close(),
  });
  const upkeep = { syncIntervalMs: 100, snapshotIntervalMs: 0, retentionMs: 0, retentionCheckIntervalMs: 3_600_000 };
  const databases = await Promise.all(
    Array.from({ length: DATABASES }, async (_, n) => {
      const database = folder.join(`${n}.db`);
      using db = new DatabaseSync(database);
      db.exec(`pragma journal_mode=wal; create table t(x); insert into t values (zeroblob(${LARGE}))`);
      const inner = await file.open({ url: `file://${folder.join(`replica-${n}`)}`, settings: {}, env: {} });
      return { path: database, replicas: [{ name: "file", client: watched(inner), ...upkeep }] };
    }),
  );
  const replication = await Replication.start({ logger: silent, databases });
  await replication.sync();
  await replication.stop();
  expect(now.most).toBeGreaterThan(1);
  expect(now.most).toBeLessThanOrEqual(4);
});

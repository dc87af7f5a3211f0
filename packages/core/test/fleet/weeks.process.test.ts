// Three weeks of a fleet in half a minute, by a clock that the test moves: every moment of the window can be restored, and
// nothing that is older than what that needs is left.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { type MemoryClient, memoryClient } from "@litewake/conformance";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { prefixed } from "../../src/backend/prefix.ts";
import { listPoints } from "../../src/fleet/points.ts";
import { restoreFleet } from "../../src/fleet/restore-fleet.ts";
import { restore } from "../../src/restore/restore.ts";
import { membersIn, shardingOf, startFleet } from "../fixtures/fleet-run.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const DAYS = 21;
const WINDOW_MS = 3 * DAY_MS;
/** What is behind is marked in one hour and deleted in the next. */
const PATIENT_STEPS = 12;
const SHARDS = 2;
const sharding = shardingOf(SHARDS);
const names = [...sharding.shards, "dlq"];

let folder: TempDir;
beforeEach(() => {
  folder = tempDir("weeks");
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-03-01T00:00:00Z") });
});
afterEach(() => {
  vi.useRealTimers();
  folder[Symbol.dispose]();
});

/** What was in each database from a moment on. */
interface Known {
  readonly atMs: number;
  readonly rows: readonly number[];
}

/** A database that is idle has days in which nothing is shipped; the others are written to at every step. */
function isWritten(database: number, step: number): boolean {
  return database > 0 || Math.floor(step / 100) % 2 === 0;
}

/** Rows of a database as it was at a moment; after its newest object that is how it is now. */
async function restoredRows(client: MemoryClient, name: string, moment: number): Promise<unknown> {
  const dates = [...client.objects]
    .filter(([key]) => key.startsWith(`${name}/`))
    .map(([, object]) => object.modifiedAt);
  const timestamp = new Date(Math.min(moment, Math.max(...dates.map(Number))));
  const output = folder.join(`back-${name}`, "app.db");
  await restore({
    replicas: [{ name, client: prefixed(client, name) }],
    output,
    target: { timestamp },
    integrityCheck: "none",
  });
  const database = new DatabaseSync(output, { readOnly: true });
  const row = database.prepare("select count(*) as n from t").get();
  database.close();
  fs.rmSync(path.dirname(output), { recursive: true });
  return row?.["n"];
}

/** Resolves when what was begun has been done: snapshots and deletions wait for the disk and for timers of their own. */
async function settled({ objects }: MemoryClient, quietMs: number): Promise<void> {
  const seen = (): string => `${objects.size} ${[...objects.keys()].at(-1)}`;
  for (let last = ""; last !== seen();) {
    last = seen();
    for (let i = 0; i < 30; i++) await turn();
    await new Promise((resolve) => setTimeout(resolve, quietMs));
  }
}

it("keeps the window and no more, over three weeks", async () => {
  const client = memoryClient() as MemoryClient;
  const live = folder.join("live");
  fs.mkdirSync(live);
  const databases = names.map((name) => {
    const database = new DatabaseSync(path.join(live, `${name}.db`));
    database.exec("pragma journal_mode=wal; pragma synchronous=off; create table t(n integer primary key, body)");
    return { name, database, insert: database.prepare("insert into t(body) values (randomblob(300))") };
  });
  const fleet = await startFleet(
    { folder: live, client, count: SHARDS },
    {
      snapshotIntervalMs: HOUR_MS,
      retentionMs: WINDOW_MS,
      retentionCheckIntervalMs: HOUR_MS,
      tuning: { rotateFromBytes: 8 << 10, moveEveryMs: 1, restAfterMs: 20 },
    },
  );
  const known: Known[] = [];
  const rows = names.map(() => 0);
  const stepMs = 40 * MINUTE_MS;
  const steps = (DAYS * DAY_MS) / stepMs;
  for (let step = 0; step < steps; step++) {
    vi.setSystemTime(Date.now() + stepMs);
    for (const [n, { insert }] of databases.entries()) {
      if (!isWritten(n, step)) continue;
      insert.run();
      rows[n] = (rows[n] ?? 0) + 1;
    }
    // Rejected only if something is wrong: nothing in the store ever fails.
    await fleet.sync();
    await fleet.point();
    known.push({ atMs: Date.now(), rows: [...rows] });
    // What is due at this hour runs in the turns after; on a machine that is busy, late: the last hours wait for it.
    await settled(client, step > steps - PATIENT_STEPS ? 150 : 3);
  }
  const endMs = Date.now();
  const retained = (): number => [...client.objects.keys()].length;
  const before = retained();
  await fleet.stop();
  expect(retained() - before).toBeLessThan(20);

  // Moments of the window: right after a commit, one second before the next, and anywhere between.
  const inWindow = known.filter(({ atMs }) => atMs >= endMs - WINDOW_MS + stepMs);
  for (const [n, { atMs, rows: expected }] of inWindow.entries()) {
    const moment = atMs + ([0, 1000, stepMs - 1000][n % 4] ?? Math.floor(Math.random() * stepMs));
    const found = await Promise.all(names.map((name) => restoredRows(client, name, moment)));
    expect(found, new Date(moment).toISOString()).toEqual(expected);
  }
  const [start] = known.filter(({ atMs }) => atMs >= endMs - WINDOW_MS + stepMs);
  expect(inWindow.length).toBeGreaterThan(100);
  expect(start).toBeDefined();

  // All together, by the points of the window.
  const points = await listPoints(client);
  expect(points.every(({ publishedAt }) => publishedAt.getTime() >= endMs - WINDOW_MS - 2 * HOUR_MS)).toBe(true);
  for (const { publishedAt } of [points[0], points[Math.floor(points.length / 2)], points.at(-1)].filter(
    (p) => p !== undefined,
  )) {
    const back = folder.join("together");
    await restoreFleet({ client, sharding, members: membersIn(back, sharding), target: { timestamp: publishedAt } });
    fs.rmSync(back, { recursive: true });
  }

  // Of each database: one snapshot at or before the window's start is needed, and nothing from before that snapshot.
  for (const name of names) {
    const objects = [...client.objects].filter(([key]) => key.startsWith(`${name}/generations/`));
    const snapshots = objects
      .filter(([key]) => key.includes("/snapshots/"))
      .map(([, { modifiedAt }]) => modifiedAt.getTime());
    // Marked in one run, deleted an hour later in another, on a clock that goes by what was stored.
    const slackMs = name === "shard_0" ? 4 * DAY_MS : 4 * HOUR_MS;
    const old = snapshots.filter((atMs) => atMs < endMs - WINDOW_MS - slackMs);
    expect(old.length, name).toBeLessThanOrEqual(1);
    // The index of the base snapshot is needed from its beginning, however old that is: Litestream wants it whole.
    const indexes = objects.map(([key]) => ({ key, index: /\/([0-9a-f]{8})[^/]*$/.exec(key)?.[1] ?? "" }));
    const [base = ""] = indexes
      .filter(({ key }) => key.includes("/snapshots/"))
      .map(({ index }) => index)
      .toSorted();
    expect(indexes.filter(({ index }) => index < base)).toEqual([]);
    expect(new Set(objects.map(([key]) => key.split("/")[2])).size).toBe(1);
  }
  for (const { database } of databases) database.close();
}, 120_000);

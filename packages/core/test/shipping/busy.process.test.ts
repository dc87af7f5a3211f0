// SQLite cannot always tell where the log ends: a writer that is just changing the index of the log, or was killed while it
// did, leaves it unreadable for as long as somebody else holds the write lock. That is waited for; it ends nothing.
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryClient } from "@litewake/conformance";
import { ManagedProcess, tempDir } from "@litewake-tooling/testkit";
import { expect, it } from "vitest";
import { ReadMark } from "../../src/database/read-mark.ts";
import { isBusy } from "../../src/database/sqlite.ts";
import { restore } from "../../src/restore/restore.ts";
import { Replication } from "../../src/shipping/replication.ts";

const HOUR_MS = 3_600_000;

/** Torn for a while, in another process, since closing the file here would drop this process's locks on it. */
async function tearIndex(database: string, ms: number): Promise<ManagedProcess> {
  const program = `import sys, time
f = open(sys.argv[1], 'r+b', buffering=0)
def flip():
    f.seek(0); b = f.read(1); f.seek(0); f.write(bytes([b[0] ^ 255]))
flip(); print('torn', flush=True); time.sleep(${ms} / 1000); flip()`;
  const tearing = new ManagedProcess("python3", ["-c", program, `${database}-shm`]);
  await tearing.waitFor(/torn/);
  return tearing;
}

it.each([
  ["while it follows", 10_000],
  ["while it rests", 30],
])(
  "an index of the log that is torn for a while ends neither the following nor a sync (%s)",
  async (_when, restAfterMs) => {
    using folder = tempDir("busy");
    const path = folder.join("app.db");
    using application = new DatabaseSync(path);
    application.exec("pragma journal_mode=wal; create table t(n integer primary key, body)");
    const commit = (): void => application.exec("insert into t(body) values (randomblob(2000))");
    commit();
    const client = memoryClient();
    const lines: string[] = [];
    const upkeep = { snapshotIntervalMs: 30, retentionMs: 0, retentionCheckIntervalMs: HOUR_MS };
    const replication = await Replication.start({
      databases: [
        {
          path,
          tuning: { restAfterMs, moveEveryMs: 5, writeBackFromFrames: 0 },
          replicas: [{ name: "memory", client, syncIntervalMs: 10, ...upkeep }],
        },
      ],
      logger: (level, message) => (level === "info" || level === "debug" ? 0 : lines.push(`${level} ${message}`)),
    });
    for (let n = 0; n < 5; n++) {
      commit();
      await replication.sync();
      await sleep(restAfterMs < 100 ? 100 : 20);
      application.exec("begin immediate; insert into t(body) values (1)");
      await using tearing = await tearIndex(path, 150);
      const synced = replication.sync();
      await tearing.ended;
      application.exec("commit");
      await synced;
    }
    expect(replication.failure).toBeUndefined();
    expect(replication.status[0]?.state).toBe("following");
    await replication.stop();
    expect(lines).toEqual([]);
    const output = folder.join("back.db");
    await restore({ replicas: [{ name: "memory", client }], output });
    using back = new DatabaseSync(output, { readOnly: true });
    expect(back.prepare("select count(*) as n from t").get()).toEqual({ n: 11 });
  },
);

it("a mark that SQLite was too busy to take is not held: it would keep nobody from restarting the WAL", () => {
  using folder = tempDir("busy");
  const path = folder.join("app.db");
  using application = new DatabaseSync(path);
  application.exec("pragma journal_mode=wal; create table t(n); insert into t values (1)");
  const connection = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  let busy = true;
  const flaky = {
    exec: (sql: string) => connection.exec(sql),
    get isTransaction() {
      return connection.isTransaction;
    },
    close: () => connection.close(),
    prepare: (sql: string) => {
      const statement = connection.prepare(sql);
      const get = () => {
        if (busy) throw Object.assign(new Error("locking protocol"), { errcode: 15 });
        return statement.get();
      };
      return { get };
    },
  };
  const mark = new ReadMark(flaky as unknown as DatabaseSync);
  let thrown: unknown;
  try {
    mark.take();
  } catch (error) {
    thrown = error;
  }
  expect(isBusy(thrown)).toBe(true);
  expect(mark.held).toBe(false);
  busy = false;
  mark.take();
  expect(mark.held).toBe(true);
  application.exec("insert into t values (3)");
  expect(application.prepare("pragma wal_checkpoint(restart)").get()).toMatchObject({ busy: 1 });
  mark.close();
});

// A file system that dates its files in whole seconds: what was restored, or left at rest, may change within that second
// without a trace in its stamps. Here a real one: ext2 with inodes of 128 bytes.
import { spawnSync } from "node:child_process";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import fs from "node:fs";
import { tempDir } from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { expect, it } from "vitest";
import { restore } from "../../src/restore/restore.ts";
import { noteRestored } from "../../src/shipping/restored-state.ts";
import { expectSame, startReplicator } from "../fixtures/replica-run.ts";

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
}

/** A folder on it. Only root can make one. */
function wholeSeconds(image: string, place: string): Disposable {
  run("truncate", "-s", "16M", image);
  run("/sbin/mke2fs", "-q", "-t", "ext2", "-I", "128", image);
  fs.mkdirSync(place);
  run("mount", "-o", "loop", image, place);
  return { [Symbol.dispose]: () => run("umount", place) };
}

const intoTheFile = (database: string, sql: string): void => {
  using db = new DatabaseSync(database);
  db.exec(`pragma journal_mode=wal; ${sql}; pragma wal_checkpoint(truncate)`);
};

const secondBegins = () => sleep(1000 - (Date.now() % 1000) + 20);

it.skipIf(process.getuid?.() !== 0)(
  "a database changed in the second in which it was restored is shipped as it is",
  async () => {
    using folder = tempDir("coarse");
    using _mounted = wholeSeconds(folder.join("image"), folder.join("disk"));
    const database = folder.join("disk", "app.db");
    const replicas = [`file://${folder.join("replica")}`];
    intoTheFile(database, "create table t(n); insert into t values (1)");
    const first = await startReplicator({ database, replicas });
    await first.stop();
    const back = folder.join("disk", "back.db");
    const client = await file.open({ url: replicas[0] ?? "", settings: {}, env: {} });
    await secondBegins();
    noteRestored(back, await restore({ replicas: [{ name: "replica", client }], output: back }));
    const { mtimeMs } = fs.statSync(back);
    intoTheFile(back, "update t set n = 2");
    // Else nothing was tried.
    expect(fs.statSync(back).mtimeMs).toBe(mtimeMs);
    const second = await startReplicator({ database: back, replicas });
    await second.stop();
    await expectSame(back, folder.join("replica"));
  },
);

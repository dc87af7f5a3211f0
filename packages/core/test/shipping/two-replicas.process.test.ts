// Two replicas of one database that stand at different places of its log.
import fs from "node:fs";
import path from "node:path";
import { tempDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { expectSame, generationsIn, objectsIn, startReplicator } from "../fixtures/replica-run.ts";

it.each([
  ["the one that stands further on", ["ahead", "behind"]],
  ["the one that needs more", ["behind", "ahead"]],
])("both go on in a WAL that was restarted while nobody followed, %s first", async (_, order) => {
  using folder = tempDir("two");
  const database = folder.join("app.db");
  using app = new DatabaseSync(database);
  app.exec("pragma journal_mode=wal; pragma wal_autocheckpoint=0; create table notes(text)");
  const note = (count: number) => {
    for (let i = 0; i < count; i++) app.exec("insert into notes values (hex(randomblob(1000)))");
  };
  const replicas = order.map((name) => `file://${folder.join(name)}`);
  note(50);
  {
    await using replicator = await startReplicator({ database, replicas });
    for (let i = 0; i < 2; i++) {
      note(5);
      await replicator.synced();
    }
    await replicator.process.kill9();
  }
  // As if its last put had never come in.
  fs.rmSync(path.join(folder.join("behind"), objectsIn(folder.join("behind"), "/wal/").at(-1) ?? ""));
  note(5);
  app.exec("pragma wal_checkpoint(restart)");
  note(1);

  await using replicator = await startReplicator({ database, replicas });
  note(3);
  await replicator.synced();
  expect(replicator.events.filter(({ message }) => message === "same generation goes on")).toHaveLength(2);
  expect(replicator.reasons).toEqual([]);
  await replicator.stop();
  for (const name of order) {
    expect(generationsIn(folder.join(name))).toHaveLength(1);
    await expectSame(database, folder.join(name));
  }
});

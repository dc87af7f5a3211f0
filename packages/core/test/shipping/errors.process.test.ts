// The lines that a user meets: what, where, what next; and nothing half-written.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { ManagedProcess, spawnWriter, tempDir, type TempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { expectSame, objectsIn, Replicator, startReplicator } from "../fixtures/replica-run.ts";

const NOBODY = 65_534;
const commit = async (database: string, commits: number, payloadBytes = 100) =>
  (await spawnWriter("node-sqlite", database, { commits, payloadBytes })).finished();

async function refusal(folder: TempDir, database: string): Promise<{ kind: string; message: string }> {
  await using replicator = new Replicator({ database, replicas: [`file://${folder.join("replica")}`] });
  const line: { kind: string; message: string } = JSON.parse(await replicator.process.waitFor(/"event":"refused"/));
  expect(line.message).not.toContain("\n");
  return line;
}

describe("a database path", () => {
  it("that is a folder", async () => {
    using folder = tempDir("errors");
    const { kind, message } = await refusal(folder, folder.path);
    expect(kind).toBe("database");
    expect(message).toBe(`${folder.path} is a folder, not a database: name the database file in it`);
  });

  it.each([
    [
      "text",
      () => "this is no database, it is a letter to a friend, long enough for a header of one hundred bytes or so",
    ],
    ["an encrypted file", () => randomBytes(8192)],
  ])("that is %s", async (_what, content) => {
    using folder = tempDir("errors");
    const database = folder.join("app.db");
    fs.writeFileSync(database, content());
    const before = fs.readFileSync(database);
    const { kind, message } = await refusal(folder, database);
    expect(kind).toBe("database");
    expect(message).toMatch(/is not a SQLite database, or it is encrypted: name a plain SQLite file/);
    expect(Buffer.compare(fs.readFileSync(database), before)).toBe(0);
    expect(fs.existsSync(folder.join("replica"))).toBe(false);
  });
});

/** The fixture under a user that may do less; tests run as root. */
function asNobody(database: string, replica: string): ManagedProcess {
  const program = path.join(import.meta.dirname, "../fixtures/replicator.ts");
  const options = JSON.stringify({ database, replicas: [`file://${replica}`] });
  return new ManagedProcess(process.execPath, ["--conditions=@litewake/source", program, options], {
    uid: NOBODY,
    gid: NOBODY,
  });
}

describe.skipIf(process.getuid?.() !== 0)("without permission", () => {
  it("to write the database, the line names the user and what to give", async () => {
    using folder = tempDir("errors");
    fs.chmodSync(folder.path, 0o755);
    const database = folder.join("app.db");
    await commit(database, 3);
    fs.chmodSync(database, 0o644);
    await using running = asNobody(database, folder.join("replica"));
    const { kind, message }: { kind: string; message: string } = JSON.parse(await running.waitFor(/"event":"refused"/));
    expect(kind).toBe("database");
    expect(message).toBe(
      `${database} cannot be opened for reading and writing: give user ${NOBODY} read and write permission on the file and its folder`,
    );
  });

  it("to write the replica, the log says so and goes on once it may", async () => {
    using folder = tempDir("errors");
    fs.chmodSync(folder.path, 0o755);
    fs.mkdirSync(folder.join("data"));
    fs.mkdirSync(folder.join("replica"), { mode: 0o755 });
    const database = folder.join("data", "app.db");
    await commit(database, 3);
    fs.chownSync(folder.join("data"), NOBODY, NOBODY);
    for (const name of fs.readdirSync(folder.join("data"))) fs.chownSync(folder.join("data", name), NOBODY, NOBODY);
    await using running = asNobody(database, folder.join("replica"));
    const line = await running.waitFor(/replica does not take what is shipped/);
    expect(line).toContain(folder.join("replica"));
    expect(line).toMatch(/permission/i);
    fs.chownSync(folder.join("replica"), NOBODY, NOBODY);
    await running.waitFor(/replica answers again/, 30_000);
    expect((await running.stop()).code).toBe(0);
    await expectSame(database, folder.join("replica"));
  });
});

/** A file system of one megabyte; `undefined` where none may be mounted. */
function smallDisk(folder: TempDir): string | undefined {
  const place = folder.join("disk");
  fs.mkdirSync(place);
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", place]).status === 0 ? place : undefined;
}

it("a replica whose disk is full keeps what it has, takes nothing by halves, and goes on when there is room", async (context) => {
  using folder = tempDir("full");
  const disk = smallDisk(folder);
  if (disk === undefined) return context.skip("no file system may be mounted here");
  try {
    const database = folder.join("app.db");
    await commit(database, 3);
    await using replicator = await startReplicator({ database, replicas: [`file://${disk}/replica`] });
    fs.writeFileSync(`${disk}/ballast`, randomBytes(900_000));
    await commit(database, 100, 3000);
    const line = await replicator.process.waitFor(/replica does not take what is shipped/);
    expect(line).toMatch(/room|space/i);
    expect(objectsIn(`${disk}/replica`, "").every((name) => name.endsWith(".lz4"))).toBe(true);
    fs.rmSync(`${disk}/ballast`);
    await replicator.process.waitFor(/replica answers again/, 60_000);
    await replicator.stop();
    await expectSame(database, `${disk}/replica`);
  } finally {
    spawnSync("umount", [disk]);
  }
});

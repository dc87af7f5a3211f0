// `litewake replicate` from outside: however it or its child ends, every commit is in the replica, read by stock Litestream;
// and the exit code says how it ended.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  type ManagedProcess,
  restoreWith,
  runLitestream,
  runLitewake,
  spawnLitewake,
  type TempDir,
  tempDir,
} from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, rowsOf } from "./database.ts";

const NO_CONFIG = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };
const childProgram = path.join(import.meta.dirname, "child-program.ts");

let folder: TempDir;
let database: string;
let url: string;

beforeEach(() => {
  folder = tempDir("replicate");
  database = folder.join("shop.db");
  url = `file://${folder.join("replica")}`;
});

afterEach(() => folder.remove());

const options = () => ({ cwd: folder.path, env: NO_CONFIG });
const replicate = (...args: string[]): ManagedProcess => spawnLitewake(["replicate", ...args], options());
const childCommand = (rows: number, end: string) =>
  `'${process.execPath}' --no-warnings '${childProgram}' '${database}' ${rows} ${end}`;

/** The rows of the newest state, restored by Litestream 0.3.13. */
async function restoredRows(): Promise<number> {
  const out = folder.join(`restored-${fs.readdirSync(folder.path).length}.db`);
  await restoreWith("0.3.13", folder.join("replica"), out);
  return rowsOf(out);
}

/** Resolves when the replica has a snapshot. */
async function following(running: ManagedProcess): Promise<void> {
  while (!snapshotIsThere()) {
    if (!running.running) throw new Error(`it ended early and said:\n${running.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function snapshotIsThere(): boolean {
  const generations = folder.join("replica/generations");
  if (!fs.existsSync(generations)) return false;
  return fs.readdirSync(generations, { recursive: true }).some((name) => String(name).endsWith(".snapshot.lz4"));
}

describe("replicate", () => {
  it("ends with 0 after SIGTERM, and what was committed just before is in the replica", async () => {
    using db = openDatabase(database, 10);
    await using running = replicate(database, url);
    await following(running);
    db.exec("insert into notes(text) values ('just before')");
    expect(await running.stop()).toEqual({ code: 0, signal: null });
    expect(await restoredRows()).toBe(11);
  });

  it("ends with 0 after SIGINT", async () => {
    using _db = openDatabase(database, 1);
    await using running = replicate(database, url);
    await following(running);
    running.signal("SIGINT");
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(await restoredRows()).toBe(1);
  });

  it("-once ships what is there and ends, each time in the same generation", async () => {
    using db = openDatabase(database, 5);
    for (const rows of [5, 6, 7]) {
      expect(await runLitewake(["replicate", "-once", database, url], options())).toMatchObject({
        code: 0,
        stderr: "",
      });
      expect(await restoredRows()).toBe(rows);
      db.exec("insert into notes(text) values ('one more')");
    }
    expect(fs.readdirSync(folder.join("replica/generations"))).toHaveLength(1);
  });

  it("-once of a database that is not there is an error", async () => {
    const result = await runLitewake(["replicate", "-once", database, url], options());
    expect(result).toMatchObject({
      code: 6,
      stdout: "",
      stderr: `litewake: ${database} does not exist: check the path\n`,
    });
  });

  it.each([
    [["a.db"], "a database needs at least one replica URL"],
    [["file:///r"], "a URL stands where the database was expected"],
    [["a.db", "/r"], "/r is no URL"],
    [["a.db", "file:///r", "file:///q"], "two replicas of type file"],
    [["-config", "x.yml", "a.db", "file:///r"], "a database and -config cannot stand together"],
    [["-once", "-exec", "true", "a.db", "file:///r"], "-once and -exec cannot stand together"],
  ])("%j is a mistake of usage", async (args, line) => {
    const { code, stdout, stderr } = await runLitewake(["replicate", ...args], options());
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^litewake: [^\n]+\n$/);
    expect(stderr).toContain(line);
  });

  it("logs JSON where the configuration says so", async () => {
    using _db = openDatabase(database, 1);
    const config = `logging:\n  type: json\n  level: debug\ndbs:\n  - path: ${database}\n    replicas:\n      - url: ${url}\n`;
    fs.writeFileSync(folder.join("litewake.yml"), config);
    const { code, stdout } = await runLitewake(["replicate", "-once", "-config", "litewake.yml"], options());
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({
        time: expect.any(String),
        level: expect.any(String),
        msg: expect.any(String),
      });
  });
});

describe("history", () => {
  it("is not put behind an empty database, unless somebody insists", async () => {
    openDatabase(database, 5).close();
    expect(await runLitewake(["replicate", "-once", database, url], options())).toMatchObject({ code: 0 });
    for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(`${database}${suffix}`, { force: true });
    fs.rmSync(folder.join(".shop.db-litewake"), { recursive: true, force: true });
    const fresh = new DatabaseSync(database);
    fresh.exec("pragma journal_mode = wal; vacuum");
    fresh.close();

    const refused = await runLitewake(["replicate", "-once", database, url], options());
    expect(refused.code).toBe(7);
    expect(refused.stderr).toContain(`litewake: ${database} is new or empty, but the replica is not`);
    expect(refused.stderr).toContain("-new-history");
    expect(await restoredRows()).toBe(5);

    expect(await runLitewake(["replicate", "-once", "-new-history", database, url], options())).toMatchObject({
      code: 0,
    });
  });

  it("is not begun anew where a failed restore left no database", async () => {
    openDatabase(database, 5).close();
    expect(await runLitewake(["replicate", "-once", database, url], options())).toMatchObject({ code: 0 });
    fs.rmSync(database);
    const running = await runLitewake(["replicate", "-exec", "true", database, url], options());
    expect(running.code).toBe(7);
    expect(running.stderr).toContain("does not exist yet, but the replica holds history");
  });
});

describe("replicate -exec", () => {
  it.each([
    ["exits with 0", "exit:0", 0],
    ["exits with 1", "exit:1", 1],
    ["exits with 42", "exit:42", 42],
    ["is killed by SIGKILL", "kill", 137],
  ])("when the child %s (%s) answers %d, and all its commits are in the replica", async (_, end, code) => {
    openDatabase(database, 5).close();
    const result = await runLitewake(["replicate", "-exec", childCommand(50, end), database, url], options());
    expect(result.code).toBe(code);
    expect(await restoredRows()).toBe(55);
  });

  it.each([0, 1, 143])(
    "told to stop tells the child, and when that then exits with %d answers the same, with what it committed last",
    async (code) => {
      openDatabase(database, 5).close();
      await using running = replicate("-exec", childCommand(50, `wait:${code}`), database, url);
      await running.waitFor(/^child: waiting$/);
      expect(await running.stop()).toEqual({ code, signal: null });
      expect(await restoredRows()).toBe(105);
    },
  );

  it("killed in mid-flight by a second signal ends at once, with the signal's code", async () => {
    openDatabase(database, 5).close();
    const stubborn = `'${process.execPath}' -e "process.on('SIGTERM', () => console.log('child: no')); console.log('child: up'); setInterval(() => {}, 1000)"`;
    await using running = replicate("-exec", stubborn, database, url);
    await running.waitFor(/^child: up$/);
    running.signal("SIGTERM");
    await running.waitFor(/^child: no$/);
    running.signal("SIGTERM");
    expect(await running.ended).toEqual({ code: 143, signal: null });
  });

  it("whose command cannot be started is one line, and what was there is shipped", async () => {
    openDatabase(database, 5).close();
    const result = await runLitewake(["replicate", "-exec", "no-such-program-here -x", database, url], options());
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(
      'litewake: the command of -exec cannot be started: spawn no-such-program-here ENOENT: check "no-such-program-here"',
    );
    expect(await restoredRows()).toBe(5);
  });
});

describe("a listing", () => {
  it.each(["generations", "snapshots", "wal"])(
    "of the %s says what Litestream 0.3.13 says of the same replica",
    async (command) => {
      using db = openDatabase(database, 20);
      for (let i = 0; i < 3; i++) {
        expect(await runLitewake(["replicate", "-once", database, url], options())).toMatchObject({ code: 0 });
        db.exec("insert into notes(text) values ('one more')");
      }
      const cells = (text: string) =>
        text
          .trimEnd()
          .split("\n")
          .map((line) => line.trim().split(/ {2,}/));
      const [ours, theirs] = [
        await runLitewake([command, url], options()),
        await runLitestream("0.3.13", [command, url], options()),
      ];
      expect(ours.code).toBe(0);
      const said = cells(ours.stdout);
      expect(said.length).toBeGreaterThan(1);
      // The lag is measured at two moments; everything else is equal, to the cell.
      const lag = said[0]?.indexOf("lag") ?? -1;
      const withoutLag = (rows: string[][]) => rows.map((row) => row.filter((_, column) => column !== lag));
      expect(withoutLag(said)).toEqual(withoutLag(cells(theirs.stdout)));
    },
  );
});

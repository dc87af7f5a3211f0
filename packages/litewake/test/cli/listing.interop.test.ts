// The listings beside those of stock Litestream 0.3.13: the same replica, the same configuration, the same text.
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { litestream, runLitewake, runToEnd, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROUNDS = 3;

let folder: TempDir;
let db: DatabaseSync;
let stock: string;
const env = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };

beforeAll(async () => {
  stock = await litestream("0.3.13");
  folder = tempDir("listing");
  fs.writeFileSync(
    folder.join("litestream.yml"),
    `dbs:\n  - path: app.db\n    replicas:\n      - url: file://${folder.join("replica")}\n      - name: a-longer-name\n        path: ${folder.join("other")}\n`,
  );
  db = new DatabaseSync(folder.join("app.db"));
  db.exec("pragma journal_mode = wal; create table notes(id integer primary key, text)");
  for (let round = 0; round < ROUNDS; round++) {
    db.exec(`insert into notes(text) values (hex(randomblob(${2000 * (round + 1)})))`);
    const { code, stdout, stderr } = await runLitewake(["replicate", "-once", "-config", "litestream.yml"], {
      cwd: folder.path,
      env,
    });
    if (code !== 0) throw new Error(`nothing was shipped:\n${stdout}${stderr}`);
  }
});

afterAll(() => {
  db.close();
  folder.remove();
});

async function both(...args: string[]): Promise<{ litewake: string; litestream: string }> {
  const [command = "", ...rest] = args;
  const options = { cwd: folder.path, env };
  const [ours, theirs] = await Promise.all([
    runLitewake([command, ...rest], options),
    runToEnd(stock, [command, ...rest], options),
  ]);
  expect({ ours: ours.code, theirs: theirs.code }).toEqual({ ours: 0, theirs: 0 });
  return { litewake: ours.stdout, litestream: theirs.stdout };
}

/** A store's dates have whole milliseconds here and nanoseconds there: a lag of some milliseconds may differ by one. */
function sameLag(text: string): string {
  return text.replace(/ \d+(?:ms|\u00b5s) +/g, " few ");
}

describe("beside Litestream 0.3.13", () => {
  it.each([
    ["databases", []],
    ["generations", ["app.db"]],
    ["snapshots", ["app.db"]],
    ["wal", ["app.db"]],
    ["wal", ["-replica", "a-longer-name", "app.db"]],
  ])("%s %j of a configuration prints the same text", async (command, args) => {
    const { litewake, litestream } = await both(command, "-config", "litestream.yml", ...args);
    expect(sameLag(litewake)).toBe(sameLag(litestream));
    expect(litewake.trimEnd().split("\n").length).toBeGreaterThan(1);
  });

  it.each(["snapshots", "wal"])("%s of a URL prints the same text", async (command) => {
    const { litewake, litestream } = await both(command, `file://${folder.join("replica")}`);
    expect(litewake).toBe(litestream);
  });

  it("an empty replica is the same header", async () => {
    for (const command of ["generations", "snapshots", "wal"]) {
      const { litewake, litestream } = await both(command, `file://${folder.join("nothing")}`);
      expect(litewake).toBe(litestream);
    }
  });
});

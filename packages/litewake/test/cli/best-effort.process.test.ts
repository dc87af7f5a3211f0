// `restore -best-effort` from outside: what a person reads, and what a script gets.
import fs from "node:fs";
import path from "node:path";
import { type RunResult, runLitewake, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDatabase } from "./database.ts";

let folder: TempDir;
let url: string;

const litewake = (...args: string[]): Promise<RunResult> =>
  runLitewake(args, { cwd: folder.path, env: { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined } });

/** Full paths of the segments, in order. */
function segments(): string[] {
  const root = folder.join("replica");
  const names = fs.readdirSync(root, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".wal.lz4")).sort().map((name) => path.join(root, name)); // prettier-ignore
}

beforeAll(async () => {
  folder = tempDir("cli-best-effort");
  url = `file://${folder.join("replica")}`;
  const db = openDatabase(folder.join("shop.db"));
  for (let n = 0; n < 3; n++) {
    expect(await litewake("replicate", "-once", "shop.db", url)).toMatchObject({ code: 0 });
    db.exec("create table if not exists more(x); insert into more values (1)");
  }
  db.close();
  expect(segments().length).toBeGreaterThan(2);
  fs.writeFileSync(segments()[1] ?? "", "");
});

afterAll(() => folder.remove());

it("a damaged replica is exit 5, with the way out in the line", async () => {
  const { code, stderr, stdout } = await litewake("restore", "-o", "no.db", url);
  expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
  expect(stderr).toMatch(
    /^litewake: .*generation=\w+ index=\w+ offset=\d+: newest point before it: .*-best-effort.*\n$/,
  );
  expect(fs.existsSync(folder.join("no.db"))).toBe(false);
});

it("-best-effort goes there, says loudly that it is not the newest state, and is exit 8", async () => {
  const { code, stderr, stdout } = await litewake("restore", "-best-effort", "-o", "some.db", url);
  expect({ code, stdout }).toEqual({ code: 8, stdout: "" });
  expect(stderr).toMatch(/^restored .*some\.db/);
  expect(stderr).toMatch(/BEST EFFORT: .*some\.db is NOT the state asked for/);
  for (const word of ["damaged", "reached", "newest", "left out"])
    expect(stderr).toMatch(new RegExp(`^  ${word} `, "m"));
  expect(fs.existsSync(folder.join("some.db"))).toBe(true);
});

it("-json has it for a script, and -dry-run for a look", async () => {
  const { code, stdout } = await litewake("restore", "-best-effort", "-json", "-o", "json.db", url);
  expect(code).toBe(8);
  expect(JSON.parse(stdout)).toMatchObject({
    restored: { bestEffort: { complete: false, damage: [{ place: {} }], newest: {}, leftOut: { objects: 2 } } },
  });
  expect(await litewake("restore", "-dry-run", "-o", "dry.db", url)).toMatchObject({ code: 0 });
  expect(await litewake("restore", "-dry-run", "-best-effort", "-o", "dry.db", url)).toMatchObject({ code: 0 });
});

it("of a fleet is a mistake", async () => {
  fs.writeFileSync(
    folder.join("fleet.yml"),
    `replication:\n  enabled: true\n  shard_count: 1\n  replica_url: ${url}/fleet\n`,
  );
  const { code, stderr } = await litewake("restore", "-best-effort", "-config", "fleet.yml");
  expect(code).toBe(2);
  expect(stderr).toMatch(/-best-effort is of one database/);
});

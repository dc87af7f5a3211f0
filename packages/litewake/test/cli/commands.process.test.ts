// The command line from outside: what it prints, where, and its exit code.
import fs from "node:fs";
import { type RunResult, runLitewake, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { openDatabase } from "./database.ts";

const NO_CONFIG = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };

let folder: TempDir;
/** A replica with one generation, and the configuration that names it. */
let url: string;

async function litewake(...args: string[]): Promise<RunResult> {
  return await runLitewake(args, { cwd: folder.path, env: NO_CONFIG });
}

/** One line on standard error, nothing on standard output. */
function mistake(result: RunResult): { code: number | null; line: string } {
  expect(result.stdout).toBe("");
  expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
  return { code: result.code, line: result.stderr.trimEnd() };
}

function write(name: string, text: string): string {
  fs.writeFileSync(folder.join(name), text);
  return name;
}

beforeAll(async () => {
  folder = tempDir("cli");
  const db = openDatabase(folder.join("shop.db"));
  url = `file://${folder.join("replica")}`;
  write(
    "litewake.yml",
    `dbs:\n  - path: shop.db\n    replicas:\n      - url: ${url}\n      - name: second\n        path: second\n`,
  );
  const shipped = await litewake("replicate", "-once", "-config", "litewake.yml");
  expect(shipped).toMatchObject({ code: 0, stderr: "" });
  db.close();
});

afterAll(() => folder.remove());

describe("litewake", () => {
  it("prints its version", async () => {
    expect(await litewake("version")).toMatchObject({ code: 0, stdout: `litewake ${manifest.version}\n`, stderr: "" });
    const { stdout } = await litewake("version", "-json");
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      litewake: manifest.version,
      node: process.versions.node,
      sqlite: process.versions["sqlite"],
    });
  });

  it("without a command shows its help as a mistake", async () => {
    const result = await litewake();
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain("usage: litewake COMMAND");
  });

  it.each([[["-h"]], [["--help"]], [["help"]]])("%j shows its help as an answer", async (args) => {
    const result = await litewake(...args);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    for (const command of ["replicate", "restore", "databases", "generations", "snapshots", "wal", "version"]) {
      expect(result.stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    }
  });

  it.each(["replicate", "restore", "databases", "generations", "snapshots", "wal", "version"])(
    "%s -h tells its usage and flags, exit 0",
    async (command) => {
      const result = await litewake(command, "-h");
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(result.stdout).toContain(`usage: litewake ${command}`);
      expect(result.stdout).toContain("flags:");
    },
  );

  it("names the likely command", async () => {
    expect(mistake(await litewake("replciate"))).toEqual({
      code: 2,
      line: 'litewake: unknown command "replciate": did you mean replicate?',
    });
    expect(mistake(await litewake("frobnicate"))).toEqual({
      code: 2,
      line: 'litewake: unknown command "frobnicate": see litewake -h',
    });
  });

  it("names the likely flag", async () => {
    expect(mistake(await litewake("restore", "-if-db-not-exist", "x"))).toEqual({
      code: 2,
      line: "litewake: unknown flag -if-db-not-exist: did you mean -if-db-not-exists?",
    });
  });

  it("needs one argument for a listing", async () => {
    expect(mistake(await litewake("wal"))).toEqual({
      code: 2,
      line: "litewake: wal needs a database or a replica URL: litewake wal -h",
    });
    expect(mistake(await litewake("wal", url, "x", "y")).line).toBe(
      "litewake: too many arguments: x y: litewake wal -h",
    );
  });
});

describe("a configuration", () => {
  it("that is not there is named", async () => {
    expect(mistake(await litewake("databases", "-config", "none.yml"))).toEqual({
      code: 2,
      line: `litewake: configuration file ${folder.join("none.yml")} does not exist: check the path of -config, or LITEWAKE_CONFIG`,
    });
  });

  it.each([
    ["no YAML", "dbs: [\n", /:\d+:\d+: not YAML: /],
    [
      "an unknown key",
      "dbs:\n  - path: a\n    replcas: []\n",
      /:3:5: unknown key "replcas" of a database: did you mean "replicas"\?$/,
    ],
    [
      "a bad duration",
      "dbs:\n  - path: a\n    replicas:\n      - path: r\n        sync-interval: 10\n",
      /:5:9: sync-interval: "10" is not a duration: /,
    ],
  ])("with %s is one line with its place, exit 2, for every command that reads it", async (name, text, line) => {
    const file = write(`${name.replaceAll(" ", "-")}.yml`, text);
    for (const args of [["databases"], ["generations", "a"], ["replicate"], ["restore", "a"]]) {
      const said = mistake(await litewake(...args, "-config", file));
      expect(said.code).toBe(2);
      expect(said.line).toMatch(line);
      expect(said.line.startsWith(`litewake: ${folder.join(file)}:`)).toBe(true);
    }
  });

  it("is found by LITEWAKE_CONFIG, else by LITESTREAM_CONFIG", async () => {
    const empty = write("empty.yml", "dbs: []\n");
    const both = { LITEWAKE_CONFIG: "litewake.yml", LITESTREAM_CONFIG: empty };
    const run = async (env: Record<string, string | undefined>) =>
      (await runLitewake(["databases"], { cwd: folder.path, env })).stdout;
    expect(await run(both)).toContain("shop.db");
    expect(await run({ ...both, LITEWAKE_CONFIG: undefined })).toBe("path  replicas\n");
  });

  it("is not needed for a URL, and refused beside one", async () => {
    expect(mistake(await litewake("wal", "-config", "litewake.yml", url)).code).toBe(2);
  });

  it("that lacks the database names those it has", async () => {
    expect(mistake(await litewake("wal", "-config", "litewake.yml", "other.db"))).toEqual({
      code: 2,
      line: `litewake: ${folder.join("other.db")} is not in the configuration: it has ${folder.join("shop.db")}`,
    });
  });

  it("that lacks the replica names those it has", async () => {
    expect(mistake(await litewake("wal", "-config", "litewake.yml", "-replica", "third", "shop.db")).line).toContain(
      'has no replica named "third": it has file, second',
    );
  });
});

describe("a replica's kind", () => {
  it("that is not known names the likely one", async () => {
    expect(mistake(await litewake("generations", "s33://bucket/app"))).toEqual({
      code: 2,
      line: "litewake: s33:// is no kind of replica that is known here: did you mean s3://?",
    });
    expect(mistake(await litewake("generations", "azure://c/app")).line).toMatch(/did you mean abs:\/\/\?$/);
    expect(mistake(await litewake("generations", "carrierpigeon://x")).line).toContain(
      "known: file, s3, gcs, abs, sftp",
    );
  });

  it("of two slashes too few is explained", async () => {
    expect(mistake(await litewake("generations", "file://replica"))).toMatchObject({
      code: 2,
      line: expect.stringContaining("file:///replica"),
    });
  });
});

describe("a listing", () => {
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  const columns = (text: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));

  it("of the databases has their replicas", async () => {
    const { code, stdout, stderr } = await litewake("databases", "-config", "litewake.yml");
    expect({ code, stderr, rows: columns(stdout) }).toEqual({
      code: 0,
      stderr: "",
      rows: [
        ["path", "replicas"],
        [folder.join("shop.db"), "file,second"],
      ],
    });
    expect(JSON.parse((await litewake("databases", "-config=litewake.yml", "-json")).stdout)).toEqual({
      version: 1,
      databases: [{ path: folder.join("shop.db"), replicas: ["file", "second"] }],
    });
  });

  it.each([
    [
      "generations",
      ["name", "generation", "lag", "start", "end"],
      new RegExp(`^file  [0-9a-f]{16}  \\S+ +${time}  ${time}$`),
    ],
    [
      "snapshots",
      ["replica", "generation", "index", "size", "created"],
      new RegExp(`^file +[0-9a-f]{16}  0 +\\d+ +${time}$`),
    ],
    [
      "wal",
      ["replica", "generation", "index", "offset", "size", "created"],
      new RegExp(`^file +[0-9a-f]{16}  0 +0 +\\d+ +${time}$`),
    ],
  ])("of the %s has Litestream's columns", async (command, header, row) => {
    const { code, stdout, stderr } = await litewake(command, url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [first, second, ...more] = stdout.trimEnd().split("\n");
    expect(first?.split(/ {2,}/)).toEqual(header);
    expect(second).toMatch(row);
    if (command !== "wal") expect(more).toEqual([]);
  });

  it.each(["generations", "snapshots", "wal"])("of the %s is versioned JSON with -json", async (command) => {
    const answer: unknown = JSON.parse((await litewake(command, "-json", url)).stdout);
    expect(answer).toMatchObject({ version: 1, [command]: [{ generation: expect.stringMatching(/^[0-9a-f]{16}$/) }] });
  });

  it("of a database has all of its replicas, or the one named", async () => {
    const names = async (...args: string[]) =>
      columns((await litewake("snapshots", "-config", "litewake.yml", ...args)).stdout)
        .slice(1)
        .map(([name]) => name);
    expect(await names("shop.db")).toEqual(["file", "second"]);
    expect(await names("shop.db", "-replica", "second")).toEqual(["second"]);
  });

  it("of the WAL can be cut to one generation", async () => {
    expect((await litewake("wal", "-generation", "0123456789abcdef", url)).stdout.trimEnd().split("\n")).toHaveLength(
      1,
    );
  });

  it("of an empty replica is its header", async () => {
    expect(await litewake("generations", `file://${folder.join("nothing")}`)).toMatchObject({
      code: 0,
      stdout: "name  generation  lag  start  end\n",
    });
  });
});

// The command line as people run it: one line with its exit code for each mistake, and what starts, starts light.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { repositoryRoot, runLitewake, type RunResult, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";

const manifest: { version: string } = JSON.parse(
  fs.readFileSync(path.join(repositoryRoot, "packages/litewake/package.json"), "utf8"),
);
const commands = ["replicate", "restore", "databases", "generations", "snapshots", "wal", "version"];
/** No configuration of the machine or of the person at it takes part. */
const env = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };

const run = (...args: string[]) => runLitewake(args, { env });

function expectMistake({ code, stdout, stderr }: RunResult, line: RegExp | string): void {
  expect(stderr).toMatch(/^litewake: [^\n]+\n$/);
  const fits = typeof line === "string" ? stderr === `litewake: ${line}\n` : line.test(stderr);
  expect(fits, `${stderr} instead of ${String(line)}`).toBe(true);
  expect(stdout).toBe("");
  expect(code).toBe(2);
}

function configIn(folder: TempDir, text: string): string {
  fs.writeFileSync(folder.join("litestream.yml"), text);
  return folder.join("litestream.yml");
}

describe("help", () => {
  it.each(commands)("for %s comes by `help` before it too", async (command) => {
    const [after, before] = await Promise.all([run(command, "-h"), run("help", command)]);
    expect(before).toEqual(after);
    expect(after.code).toBe(0);
  });
});

describe("docs/cli.md", () => {
  it.each(commands)("names every flag of %s", async (command) => {
    const text = fs.readFileSync(path.join(repositoryRoot, "docs/cli.md"), "utf8");
    const flags = [...(await run(command, "-h")).stdout.matchAll(/^ {2}(-[a-z-]+)/gm)].map(([, flag = ""]) => flag);
    expect(flags.length).toBeGreaterThan(0);
    for (const flag of flags) expect(text).toMatch(new RegExp(`\`${flag}\\b`));
  });
});

describe("the version", () => {
  it.each([["version"], ["-version"], ["--version"]])("%s is one line", async (command) => {
    const { code, stdout } = await run(command);
    expect(stdout).toBe(`litewake ${manifest.version}\n`);
    expect(code).toBe(0);
  });

  it("loads neither SQLite nor core nor a backend", async () => {
    using folder = tempDir("cli");
    fs.writeFileSync(
      folder.join("hooks.mjs"),
      `import { registerHooks } from "node:module";
       registerHooks({ resolve(specifier, context, next) {
         if (specifier === "node:sqlite" || specifier.startsWith("@litewake/") || specifier === "yaml") console.error("loaded " + specifier);
         return next(specifier, context);
       } });`,
    );
    const { stderr } = await runLitewake(["version"], {
      env: { ...env, NODE_OPTIONS: `--import=${folder.join("hooks.mjs")}` },
    });
    expect(stderr).toBe("");
  });
});

describe("a mistake on the command line is one line, exit 2:", () => {
  it.each([
    ["a name that every object has", ["constructor"], 'unknown command "constructor": see litewake -h'],
    ["a flag", ["restore", "-timestmp", "x", "a.db"], "unknown flag -timestmp: did you mean -timestamp?"],
    ["a flag without its value", ["restore", "a.db", "-o"], "flag -o needs a value: litewake restore -h"],
    [
      "a URL with -config",
      ["wal", "-config", "f.yml", "file:///a"],
      "a replica URL and -config cannot stand together: name the database instead, or leave -config out",
    ],
    [
      "a URL with -replica",
      ["wal", "-replica", "s3", "file:///a"],
      "-replica needs a database of the configuration, not a URL",
    ],
    ["restoring a URL without -o", ["restore", "file:///a"], "restoring from a URL needs an output path: add -o PATH"],
    [
      "a generation",
      ["restore", "-o", "x", "-generation", "XYZ", "file:///a"],
      '-generation: "XYZ" is no generation: 16 hexadecimal digits, as `litewake generations` lists them',
    ],
    [
      "an index",
      ["restore", "-o", "x", "-index", "xyz", "file:///a"],
      '-index: "xyz" is no index: up to 8 hexadecimal digits',
    ],
    [
      "an index that is too high",
      ["restore", "-o", "x", "-index", "80000000", "file:///a"],
      '-index: "80000000" is no index: up to 8 hexadecimal digits',
    ],
    [
      "a time",
      ["restore", "-o", "x", "-timestamp", "yesterday", "file:///a"],
      '-timestamp: "yesterday" is no time: write it as "2026-11-24T03:04:05Z"',
    ],
    [
      "a time without zone",
      ["restore", "-o", "x", "-timestamp", "2026-11-24T03:04:05", "file:///a"],
      '-timestamp: "2026-11-24T03:04:05" is no time: write it as "2026-11-24T03:04:05Z"',
    ],
    [
      "a day that is none",
      ["restore", "-o", "x", "-timestamp", "2026-02-30T00:00:00Z", "file:///a"],
      '-timestamp: "2026-02-30T00:00:00Z" is no time: write it as "2026-11-24T03:04:05Z"',
    ],
    [
      "a parallelism",
      ["restore", "-o", "x", "-parallelism", "0", "file:///a"],
      '-parallelism: "0" is no number from 1 to 1000',
    ],
    [
      "a check",
      ["restore", "-o", "x", "-integrity-check", "some", "file:///a"],
      '-integrity-check: "some" is not known: none, quick, full',
    ],
    ["a scheme", ["wal", "s4://bucket/x"], "s4:// is no kind of replica that is known here: did you mean s3://?"],
    [
      "replicating a URL",
      ["replicate", "file:///a", "file:///b"],
      "a URL stands where the database was expected: litewake replicate DB_PATH REPLICA_URL",
    ],
    [
      "replicating to nowhere",
      ["replicate", "a.db"],
      "a database needs at least one replica URL: litewake replicate DB_PATH REPLICA_URL",
    ],
    [
      "replicating to a path",
      ["replicate", "a.db", "/backup"],
      "/backup is no URL: write it as file:///path, s3://bucket/path, …",
    ],
    [
      "two replicas of one type",
      ["replicate", "a.db", "file:///a", "file:///b"],
      "two replicas of type file: name each in a configuration file",
    ],
    [
      "replicating with a file and a database",
      ["replicate", "-config", "f.yml", "a.db", "file:///b"],
      "a database and -config cannot stand together: give a database with its URLs, or the file",
    ],
    [
      "-once beside -exec",
      ["replicate", "-once", "-exec", "true", "a.db", "file:///b"],
      "-once and -exec cannot stand together: keep one of them",
    ],
    [
      "a command of -exec that has an open quote",
      ["replicate", "-exec", "sh 'x", "a.db", "file:///nowhere/b"],
      "the command of exec has an open ' quote",
    ],
  ])("%s", async (_what, args, line) => {
    using folder = tempDir("cli");
    expectMistake(await runLitewake(args, { env, cwd: folder.path }), line);
    expect(fs.readdirSync(folder.path)).toEqual([]);
  });
});

describe("a mistake in the configuration is one line, exit 2:", () => {
  it("the file is a folder", async () => {
    using folder = tempDir("cli");
    expectMistake(await run("databases", "-config", folder.path), /configuration file .* is a folder: check the path/);
  });

  it("no database is there to replicate", async () => {
    using folder = tempDir("cli");
    expectMistake(
      await run("replicate", "-config", configIn(folder, "dbs: []\n")),
      "there is no database to replicate: add one under `dbs:`",
    );
  });

  it("a backend's package is not installed, or not known", async () => {
    using folder = tempDir("cli");
    const file = configIn(
      folder,
      "backends: { s3: '@litewake/not-here' }\ndbs:\n  - path: /a\n    replicas: [{ url: s3://b/p }]\n",
    );
    expectMistake(
      await run("replicate", "-config", file),
      "s3:// needs the package @litewake/not-here: npm install @litewake/not-here",
    );
  });
});

describe("the configuration", () => {
  it("is found by -config, LITEWAKE_CONFIG and LITESTREAM_CONFIG, in this order", async () => {
    using folder = tempDir("cli");
    const names = ["flag", "own", "stream"];
    for (const name of names)
      fs.writeFileSync(folder.join(`${name}.yml`), `dbs: [{ path: /srv/${name}.db, replicas: [{ path: /b }] }]\n`);
    const [flag = "", own = "", stream = ""] = names.map((name) => folder.join(`${name}.yml`));
    const both = { LITEWAKE_CONFIG: own, LITESTREAM_CONFIG: stream };
    const table = (name: string) => `path${" ".repeat(name.length + 6)}replicas\n/srv/${name}.db  file\n`;
    expect((await runLitewake(["databases", "-config", flag], { env: both })).stdout).toBe(table("flag"));
    expect((await runLitewake(["databases"], { env: both })).stdout).toBe(table("own"));
    expect((await runLitewake(["databases"], { env: { ...both, LITEWAKE_CONFIG: undefined } })).stdout).toBe(
      table("stream"),
    );
  });

  it("has its variables put in unless -no-expand-env", async () => {
    using folder = tempDir("cli");
    const file = configIn(folder, 'dbs: [{ path: "/srv/$NAME.db", replicas: [{ path: /b }] }]\n');
    const named = { ...env, NAME: "app" };
    const paths = async (...flags: string[]) =>
      JSON.parse((await runLitewake(["databases", "-json", "-config", file, ...flags], { env: named })).stdout);
    expect(await paths()).toEqual({ version: 1, databases: [{ path: "/srv/app.db", replicas: ["file"] }] });
    expect(await paths("--no-expand-env")).toEqual({
      version: 1,
      databases: [{ path: "/srv/$NAME.db", replicas: ["file"] }],
    });
  });
});

describe("of several replicas", () => {
  const text = (folder: TempDir) =>
    `dbs:\n  - path: app.db\n    replicas:\n      - url: carrierpigeon://x/y\n      - url: file://${folder.join("replica")}\n`;

  it("one whose backend is missing is named, and the others are used", async () => {
    using folder = tempDir("cli");
    using db = new DatabaseSync(folder.join("app.db"));
    db.exec("pragma journal_mode = wal; create table notes(text)");
    const options = { env, cwd: folder.path };
    expect(
      (await runLitewake(["replicate", "-once", "app.db", `file://${folder.join("replica")}`], options)).code,
    ).toBe(0);
    const file = configIn(folder, text(folder));
    const named = /^litewake: replica carrierpigeon: carrierpigeon:\/\/ is no kind of replica/;
    const listed = await runLitewake(["snapshots", "-config", file, "app.db"], options);
    expect(listed).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(named),
      stdout: expect.stringMatching(/\nfile +[0-9a-f]{16} /),
    });
    const restored = await runLitewake(["restore", "-config", file, "-o", "copy.db", "app.db"], options);
    expect(restored).toMatchObject({ code: 0, stderr: expect.stringMatching(named) });
    expect(fs.existsSync(folder.join("copy.db"))).toBe(true);
  });
});

describe("a replica that cannot be reached", () => {
  it("is one line with its URL, exit 4", async () => {
    using folder = tempDir("cli");
    const root = folder.join("replica");
    fs.mkdirSync(root, { mode: 0o700 });
    fs.mkdirSync(`${root}/generations`);
    fs.chmodSync(folder.path, 0o755);
    // Where the tests run as root, somebody who may less; else the folder itself is closed.
    const other = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    if (process.getuid?.() !== 0) fs.chmodSync(root, 0);
    const result = await runLitewake(["generations", `file://${root}`], { env, cwd: "/", ...other });
    fs.chmodSync(root, 0o700);
    expect(result).toMatchObject({ code: 4, stdout: "" });
    expect(result.stderr).toBe(`litewake: file://${root}: list generations/: permission denied (EACCES)\n`);
  });
});

describe("whoever reads the output", () => {
  it("may leave early", async () => {
    const child = spawn(process.execPath, [path.join(repositoryRoot, "packages/litewake/bin/litewake.js"), "-h"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect({ code, said }).toEqual({ code: 0, said: "" });
  });
});

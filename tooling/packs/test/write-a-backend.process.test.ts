// The example of a third party's backend, as a stranger has it: installed from packed tarballs, proved by the kit under
// `node --test`, and used by the command line from tarballs.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { emptyApp, installInto, packAll, type Packs } from "@litewake-tooling/packs";
import { ManagedProcess, repositoryRoot, runToEnd, type TempDir } from "@litewake-tooling/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

const example = path.join(repositoryRoot, "examples/write-a-backend");
/** A search path for packages from outside would find what is not installed. */
const env = { NODE_PATH: undefined, LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };

let packs: Packs;
let app: TempDir;

beforeAll(async () => {
  packs = await packAll();
  app = emptyApp();
  fs.cpSync(example, app.path, { recursive: true, filter: (source) => !source.includes("node_modules") });
  await installInto(app.path, packs, ["core", "conformance", "litewake"]);
});

afterAll(() => {
  app.remove();
  packs[Symbol.dispose]();
});

it("passes the kit against a real server, under node --test", { timeout: 180_000 }, async () => {
  const args = ["--test", "--test-reporter=tap", app.join("test/conformance.test.js")];
  const { code, stdout, stderr } = await runToEnd(process.execPath, args, {
    cwd: app.path,
    env: { ...env, NODE_TEST_CONTEXT: undefined },
    timeoutMs: 170_000,
  });
  expect(code, stdout + stderr).toBe(0);
  const counted = (word: string): number => Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(stdout)?.[1]);
  expect(counted("fail")).toBe(0);
  expect(counted("pass")).toBe(59);
  // What depends on a conditional put, which this backend does not declare, and two that it does.
  expect(counted("skipped")).toBe(5);
});

it("ships and restores a database by the command line, which finds it by its name", async () => {
  // The application that uses it: the backend is one of its packages.
  const user = emptyApp();
  try {
    const packed = await runToEnd("npm", ["pack", "--silent", "--pack-destination", user.path], { cwd: app.path });
    const dependencies = { "litewake-webdav": `file:${user.join(packed.stdout.trim())}` };
    fs.writeFileSync(
      user.join("package.json"),
      JSON.stringify({ name: "app", version: "1.0.0", type: "module", dependencies }),
    );
    await installInto(user.path, packs, ["core", "litewake"]);
    fs.mkdirSync(user.join("dav"));
    const built = await runToEnd("go", ["build", "-o", user.join("server"), "."], { cwd: app.join("test/server") });
    expect(built.code, built.stderr).toBe(0);
    await using server = new ManagedProcess(user.join("server"), [user.join("dav"), "ada", "very-secret-password"]);
    const [, host = ""] = /listening on (\S+)/.exec(await server.waitFor(/listening on/)) ?? [];
    const database = user.join("shop.db");
    const db = new DatabaseSync(database);
    db.exec("pragma journal_mode = wal; create table notes(text); insert into notes values ('over WebDAV')");
    const config = (replica: string): string =>
      `dbs:\n  - path: ${database}\n    replicas:\n      - url: webdav://ada@${host}/backups/shop\n        password: $SECRET\n${replica}`;
    fs.writeFileSync(user.join("litewake.yml"), config(""));
    const litewake = (...args: string[]) =>
      runToEnd(process.execPath, [fs.realpathSync(user.join("node_modules/.bin/litewake")), ...args], {
        cwd: user.path,
        env: { ...env, SECRET: "very-secret-password" },
      });
    const shipped = await litewake("replicate", "-once", "-config", "litewake.yml");
    expect(shipped.code, shipped.stdout + shipped.stderr).toBe(0);
    db.close();
    for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(`${database}${suffix}`, { force: true });
    const restored = await litewake("restore", "-config", "litewake.yml", database);
    expect(restored.code, restored.stderr).toBe(0);
    const back = new DatabaseSync(database, { readOnly: true });
    expect(back.prepare("select text from notes").get()).toMatchObject({ text: "over WebDAV" });
    back.close();
    // A setting that it does not read is one line with its place.
    fs.writeFileSync(user.join("litewake.yml"), config("        pasword: x\n"));
    const mistaken = await litewake("replicate", "-once", "-config", "litewake.yml");
    expect(mistaken.code).toBe(2);
    expect(mistaken.stderr).toMatch(
      /litewake\.yml:6:9: unknown key "pasword" of a replica of type webdav: did you mean "password"\?/,
    );
  } finally {
    user.remove();
  }
});

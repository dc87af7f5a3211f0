// Each package as it would be published: fit for a registry, typed right, and of use alone with core in an empty folder.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { emptyApp, installInto, nameOf, packAll, type Packs, published } from "@litewake-tooling/packs";
import { repositoryRoot, runLitewake, runToEnd, tempDir } from "@litewake-tooling/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { removeLocalTrips, stores } from "../../../packages/litewake/test/stores/stores.ts";

let packs: Packs;

beforeAll(async () => {
  packs = await packAll();
});

afterAll(() => {
  packs[Symbol.dispose]();
  removeLocalTrips();
});

const bin = (name: string): string => path.join(repositoryRoot, "tooling/packs/node_modules/.bin", name);

describe.each(published)("%s", (name) => {
  it("is fit for a registry (publint)", async () => {
    const result = await runToEnd(bin("publint"), [
      "--strict",
      "--pack",
      "false",
      path.join(repositoryRoot, "packages", name),
    ]);
    expect(result.code, result.stdout + result.stderr).toBe(0);
  });

  it("has types that resolve (attw)", async () => {
    const result = await runToEnd(bin("attw"), [
      packs.tarball(name),
      "--profile",
      "esm-only",
      "--no-emoji",
      "--no-color",
    ]);
    expect(result.code, result.stdout + result.stderr).toBe(0);
  });

  it("has a README, a licence, and no tests in its tarball", async () => {
    const { stdout } = await runToEnd("tar", ["-tzf", packs.tarball(name)]);
    const files = stdout.trimEnd().split("\n");
    expect(files).toEqual(expect.arrayContaining(["package/README.md", "package/LICENSE"]));
    expect(files.filter((file) => /\/test\//.test(file))).toEqual([]);
    expect(files.some((file) => file.endsWith(".d.ts"))).toBe(true);
  });
});

/** An application's own environment: a search path for packages from outside would find what is not installed. */
const env = { NODE_PATH: undefined };

const PROGRAM = `
import { restore } from "@litewake/core";
const [name, url, output] = process.argv.slice(2);
const backend = (await import("@litewake/" + name))[name];
const client = await backend.open({ url, settings: {}, env: process.env });
const { position } = await restore({ replicas: [{ name, client }], output });
await client.close();
console.log(JSON.stringify(position));
`;

describe.each(stores)("@litewake/$name alone with core", (store) => {
  it("installs into an empty folder and restores", async () => {
    using source = tempDir("packs-source");
    const database = source.join("shop.db");
    const db = new DatabaseSync(database);
    db.exec("pragma journal_mode = wal; create table notes(text); insert into notes values ('packed')");
    const url = store.url();
    const shipped = await runLitewake(["replicate", "-once", database, url], { env: store.env });
    db.close();
    expect(shipped.code, shipped.stderr).toBe(0);

    using app = emptyApp();
    const backend = published.find((name) => nameOf(name) === `@litewake/${store.name}`);
    if (backend === undefined) throw new Error(`no package for ${store.name}`);
    await installInto(app.path, packs, ["core", backend]);
    expect(fs.readdirSync(app.join("node_modules/@litewake")).toSorted()).toEqual(["core", backend].toSorted());
    fs.writeFileSync(app.join("restore.js"), PROGRAM);
    const output = app.join("restored.db");
    const result = await runToEnd(process.execPath, [app.join("restore.js"), store.name, url, output], {
      cwd: app.path,
      env: { ...store.env, ...env },
    });
    expect(result.code, result.stdout + result.stderr).toBe(0);
    const restored = new DatabaseSync(output, { readOnly: true });
    expect(restored.prepare("select text from notes").get()).toMatchObject({ text: "packed" });
    restored.close();
  });
});

it("the command line from tarballs asks for the package that a URL needs, and takes it once it is there", async () => {
  using app = emptyApp();
  await installInto(app.path, packs, ["core", "litewake", "file"]);
  const litewake = app.join("node_modules/.bin/litewake");
  const url = "s3://bucket/x";
  for (const args of [
    ["generations", url],
    ["replicate", "shop.db", url],
    ["restore", "-o", "x.db", url],
    ["doctor", url],
    ["check", url],
  ]) {
    const without = await runToEnd(process.execPath, [fs.realpathSync(litewake), ...args], { cwd: app.path, env });
    const line = "s3:// needs the package @litewake/s3: npm install @litewake/s3";
    expect(`${without.stdout}${without.stderr}`, args.join(" ")).toContain(
      args[0] === "check" ? "npm install @litewake/conformance" : line,
    );
    expect(without.code, args.join(" ")).toBe(args[0] === "doctor" ? 1 : 2);
  }
  const check = await runToEnd(
    process.execPath,
    [fs.realpathSync(litewake), "check", `file://${app.join("replica")}`],
    { cwd: app.path, env },
  );
  expect(check).toMatchObject({
    code: 2,
    stderr: "litewake: check needs the package @litewake/conformance: npm install @litewake/conformance\n",
  });
  await installInto(app.path, packs, ["core", "litewake", "file", "conformance"]);
  const args = ["check", "-only", "put.replaces-whole", `file://${app.join("replica")}`];
  const now = await runToEnd(process.execPath, [fs.realpathSync(litewake), ...args], { cwd: app.path, env });
  expect(now.code, now.stdout + now.stderr).toBe(0);
});

it("the command line from tarballs asks for the package that encryption needs, and takes it once it is there", async () => {
  using app = emptyApp();
  await installInto(app.path, packs, ["core", "litewake", "file"]);
  expect(fs.readdirSync(app.join("node_modules")).filter((name) => /^(?:age|@noble|@scure)/.test(name))).toEqual([]);
  const litewake = fs.realpathSync(app.join("node_modules/.bin/litewake"));
  const db = new DatabaseSync(app.join("shop.db"));
  db.exec("pragma journal_mode = wal; create table notes(text); insert into notes values ('sealed')");
  // An example of age's own tests.
  const identity = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
  const url = `file://${app.join("replica")}`;
  const run = (...args: string[]) =>
    runToEnd(process.execPath, [litewake, ...args], {
      cwd: app.path,
      env: { ...env, LITEWAKE_AGE_IDENTITY: identity },
    });
  const without = await run("replicate", "-once", "shop.db", url);
  expect(without).toMatchObject({
    code: 2,
    stderr: "litewake: LITEWAKE_AGE_IDENTITY: age needs the package age-encryption: npm install age-encryption\n",
  });
  expect(fs.existsSync(app.join("replica"))).toBe(false);
  const installed = await runToEnd("npm", ["install", "--no-audit", "--no-fund", "age-encryption@0.3.1"], {
    cwd: app.path,
    timeoutMs: 120_000,
  });
  expect(installed.code, installed.stderr).toBe(0);
  expect(await run("replicate", "-once", "shop.db", url)).toMatchObject({ code: 0 });
  db.close();
  expect(await run("restore", "-o", "restored.db", url)).toMatchObject({ code: 0 });
});

// What importing Litewake loads: no cloud's SDK, no backend, no kit; those come when a replica asks for them. And little of
// what is ours and Node's: each start of a container waits for it.
import fs from "node:fs";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { repositoryRoot, runToEnd, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";

const entry = pathToFileURL(path.join(repositoryRoot, "packages/litewake/dist/index.js")).href;
const main = path.join(repositoryRoot, "packages/litewake/bin/litewake.js");
const CLOUDS =
  /age-encryption|@noble|@aws-sdk|@smithy|@google-cloud|@azure|google-auth|\/ssh2\/|\/packages\/(?:s3|gcs|abs|sftp|file|conformance)\//;

/** Notes every module that is loaded, and prints them as JSON when the process ends. */
const NOTES = `
import { registerHooks } from "node:module";
const loaded = [];
registerHooks({ load: (url, context, next) => { if (!url.startsWith("node:")) loaded.push(url); return next(url, context); } });
const undici = () => process.moduleLoadList.some((name) => name.endsWith("/undici"));
process.on("exit", () => process.stderr.write("\\nLOADED " + JSON.stringify({ modules: loaded, undici: undici() })));
`;

interface Loaded {
  readonly modules: readonly string[];
  /** Node's own client of HTTP and WebSocket, which nothing of ours uses. */
  readonly undici: boolean;
}

async function loadedBy(...args: string[]): Promise<Loaded & { stdout: string }> {
  const preload = `data:text/javascript,${encodeURIComponent(NOTES)}`;
  const { stdout, stderr } = await runToEnd(process.execPath, ["--import", preload, ...args], { cwd: repositoryRoot });
  const line = stderr.split("\n").find((text) => text.startsWith("LOADED "));
  if (line === undefined) throw new Error(`nothing was noted; it said:\n${stderr}`);
  return { ...(JSON.parse(line.slice("LOADED ".length)) as Loaded), stdout };
}

describe("importing litewake", () => {
  it("loads no cloud's SDK and no backend", async () => {
    const code = `const began = performance.now(); await import(${JSON.stringify(entry)}); console.log((performance.now() - began).toFixed(0));`;
    const { modules, undici, stdout } = await loadedBy("--input-type=module", "-e", code);
    expect(modules.filter((url) => CLOUDS.test(url))).toEqual([]);
    const foreign = modules.filter((url) => url.includes("/node_modules/"));
    // All of what is not ours is the YAML reader.
    expect(foreign.filter((url) => !/node_modules\/yaml\//.test(url))).toEqual([]);
    console.log(`import of litewake: ${modules.length} modules, ${stdout.trim()} ms`);
    expect(modules.length).toBeLessThan(130);
    expect(undici).toBe(false);
  });

  it("and asking for its version loads next to nothing", async () => {
    const { modules } = await loadedBy(main, "version");
    expect(modules.length).toBeLessThan(12);
  });

  it("and restoring by a URL loads a few files, and no YAML", async () => {
    using folder = tempDir("loading");
    const database = folder.join("a.db");
    using db = new DatabaseSync(database);
    db.exec("pragma journal_mode=wal; create table t(a); insert into t values (1)");
    const url = pathToFileURL(folder.join("replica")).href;
    await loadedBy(main, "replicate", "-once", database, url);
    const { modules, undici } = await loadedBy(main, "restore", "-o", folder.join("restored.db"), url);
    expect(fs.existsSync(folder.join("restored.db"))).toBe(true);
    expect(modules.filter((file) => file.includes("/node_modules/"))).toEqual([]);
    console.log(`restore by a URL: ${modules.length} modules`);
    expect(modules.length).toBeLessThan(60);
    expect(undici).toBe(false);
  });
});

describe("a command on one kind of replica", () => {
  it.each([
    [
      "file:///nowhere/at/all",
      /\/packages\/file\//,
      /@aws-sdk|@google-cloud|@azure|\/ssh2\/|age-encryption|\/encrypted\.js/,
    ],
    ["s3://bucket/x?endpoint=http://127.0.0.1:1", /@aws-sdk/, /@google-cloud|@azure|\/ssh2\//],
    ["gcs://bucket/x?endpoint=http://127.0.0.1:1", /@google-cloud/, /@aws-sdk|@azure|\/ssh2\//],
    ["abs://acct@container/x?endpoint=http://127.0.0.1:1", /@azure/, /@aws-sdk|@google-cloud|\/ssh2\//],
    ["sftp://ada@127.0.0.1:1/x?host-key-check=off", /\/ssh2\//, /@aws-sdk|@google-cloud|@azure/],
  ])("%s loads its own package only", async (url, own, others) => {
    process.env["AZURE_STORAGE_KEY"] = "b3du";
    const { modules } = await loadedBy(main, "generations", "-patience", "0", url);
    expect(modules.some((module) => own.test(module))).toBe(true);
    expect(modules.filter((module) => others.test(module))).toEqual([]);
  });
});

// What importing Litewake loads: no cloud's SDK, no backend, no kit; those come when a replica asks for them.
import { pathToFileURL } from "node:url";
import path from "node:path";
import { repositoryRoot, runToEnd } from "@litewake-tooling/testkit";
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
process.on("exit", () => process.stderr.write("\\nLOADED " + JSON.stringify(loaded)));
`;

async function loadedBy(...args: string[]): Promise<{ modules: readonly string[]; stdout: string }> {
  const preload = `data:text/javascript,${encodeURIComponent(NOTES)}`;
  const { stdout, stderr } = await runToEnd(process.execPath, ["--import", preload, ...args], { cwd: repositoryRoot });
  const line = stderr.split("\n").find((text) => text.startsWith("LOADED "));
  if (line === undefined) throw new Error(`nothing was noted; it said:\n${stderr}`);
  return { modules: JSON.parse(line.slice("LOADED ".length)) as string[], stdout };
}

describe("importing litewake", () => {
  it("loads no cloud's SDK and no backend", async () => {
    const code = `const began = performance.now(); await import(${JSON.stringify(entry)}); console.log((performance.now() - began).toFixed(0));`;
    const { modules, stdout } = await loadedBy("--input-type=module", "-e", code);
    expect(modules.filter((url) => CLOUDS.test(url))).toEqual([]);
    const foreign = modules.filter((url) => url.includes("/node_modules/"));
    // All of what is not ours is the YAML reader.
    expect(foreign.filter((url) => !/node_modules\/yaml\//.test(url))).toEqual([]);
    console.log(`import of litewake: ${modules.length} modules, ${stdout.trim()} ms`);
    expect(modules.length).toBeLessThan(250);
  });

  it("and asking for its version loads next to nothing", async () => {
    const { modules } = await loadedBy(main, "version");
    expect(modules.length).toBeLessThan(12);
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

// Backends are found when they are needed, beside the application first; a missing or odd one is one clear line.
import fs from "node:fs";
import path from "node:path";
import { LitewakeError } from "@litewake/core";
import type { Backend } from "@litewake/core/backend";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { type BackendLoading, loadBackend, openReplica, schemeOf } from "../src/backends.ts";

/** A backend's source; its replicas answer with the name of the package that they come from. */
const source = (type: string, name: string) => `
export const backend = {
  type: ${JSON.stringify(type)}, schemes: [${JSON.stringify(type)}], settings: ["stream"],
  open: async ({ url, settings }) => ({ type: ${JSON.stringify(type)}, url: ${JSON.stringify(name)} + " " + url + " " + settings.stream }),
};`;

function addPackage(folder: TempDir, name: string, index: string, exports: unknown = "./index.js"): void {
  const place = folder.join("node_modules", name);
  fs.mkdirSync(place, { recursive: true });
  fs.writeFileSync(path.join(place, "package.json"), JSON.stringify({ name, type: "module", exports }));
  fs.writeFileSync(path.join(place, "index.js"), index);
}

async function lineOf(type: string, loading: BackendLoading = {}): Promise<string> {
  const error: unknown = await loadBackend(type, loading).catch((reason: unknown) => reason);
  if (!(error instanceof LitewakeError)) throw new Error(`no LitewakeError: ${String(error)}`);
  expect(error.kind).toBe("usage");
  return error.message;
}

const nats = { type: "nats", url: "nats://host/x", settings: { stream: "s" } };

describe("a backend", () => {
  it("of ours is found beside Litewake", async () => {
    expect((await loadBackend("file", { from: ["/"] })).type).toBe("file");
  });

  it("of a third party is found by its name, litewake-SCHEME", async () => {
    using app = tempDir("backends");
    addPackage(app, "litewake-nats", source("nats", "by rule"));
    expect((await openReplica(nats, {}, { from: [app.path] })).url).toBe("by rule nats://host/x s");
  });

  it("of a third party may have any name, if that is told", async () => {
    using app = tempDir("backends");
    addPackage(app, "@ada/store", source("nats", "told"));
    const loading = { from: [app.path], packages: { nats: "@ada/store" } };
    expect((await openReplica(nats, {}, loading)).url).toBe("told nats://host/x s");
  });

  it("may replace one of ours, and may be a file beside the configuration", async () => {
    using app = tempDir("backends");
    fs.writeFileSync(app.join("mine.mjs"), source("s3", "mine"));
    const replica = await openReplica(
      { ...nats, type: "s3" },
      {},
      { from: [app.path], packages: { s3: "./mine.mjs" } },
    );
    expect(replica.url).toBe("mine nats://host/x s");
  });

  it("may be handed in by the application", async () => {
    const given: Backend = { ...(await loadBackend("file")), type: "own", schemes: ["own"] };
    expect(await loadBackend("own", { given: [given] })).toBe(given);
  });

  it("is looked for in the first folder first", async () => {
    using first = tempDir("backends");
    using second = tempDir("backends");
    addPackage(first, "litewake-nats", source("nats", "first"));
    addPackage(second, "litewake-nats", source("nats", "second"));
    const from = [first.join("deep", "er"), second.path];
    expect((await openReplica(nats, {}, { from })).url).toMatch(/^first /);
  });

  it.each([
    ["a string", "./index.js"],
    ["import only", { ".": { types: "./index.d.ts", import: "./index.js" } }],
    ["nested", { ".": { node: { import: "./index.js" } } }],
  ])("whose package exports %s is loaded", async (_what, exports) => {
    using app = tempDir("backends");
    addPackage(app, "litewake-nats", source("nats", "x"), exports);
    expect((await loadBackend("nats", { from: [app.path] })).type).toBe("nats");
  });
});

describe("what is missing or odd is one line:", () => {
  it("a package of ours that is not installed", async () => {
    // Named so that it cannot be installed here, whatever the workspace holds.
    expect(await lineOf("s3", { packages: { s3: "@litewake/not-here" } })).toBe(
      "s3:// needs the package @litewake/not-here: npm install @litewake/not-here",
    );
  });

  it.each([
    ["s4", "s4:// is no kind of replica that is known here: did you mean s3://?"],
    ["flie", "flie:// is no kind of replica that is known here: did you mean file://?"],
    ["azure", "azure:// is no kind of replica that is known here: did you mean abs://?"],
    [
      "carrier-pigeon",
      "carrier-pigeon:// is no kind of replica that is known here: known: file, s3, gcs, abs, sftp; or npm install litewake-carrier-pigeon",
    ],
    [
      "constructor",
      "constructor:// is no kind of replica that is known here: known: file, s3, gcs, abs, sftp; or npm install litewake-constructor",
    ],
  ])("%s is no kind of replica", async (type, line) => {
    expect(await lineOf(type)).toBe(line);
  });

  it.each([
    ["nothing", "export {};"],
    ["something else", "export const backend = { type: 'nats', open: 7 };"],
    ["a backend of another kind", source("kafka", "x")],
  ])("a package that exports %s", async (_what, index) => {
    using app = tempDir("backends");
    addPackage(app, "litewake-nats", index);
    expect(await lineOf("nats", { from: [app.path] })).toBe(
      'the package litewake-nats exports no backend for nats: it must export an object with type or schemes "nats", settings and open()',
    );
  });

  it("a package that cannot be loaded", async () => {
    using app = tempDir("backends");
    addPackage(app, "litewake-nats", 'import "not-installed-anywhere";');
    expect(await lineOf("nats", { from: [app.path] })).toMatch(
      /^the package litewake-nats cannot be loaded: .*not-installed-anywhere.*: install it again/,
    );
  });

  it("a setting that the backend does not read, with its place", async () => {
    using app = tempDir("backends");
    addPackage(app, "litewake-nats", source("nats", "x"));
    const place = { ...nats, settings: { steam: 1 }, places: { steam: "f.yml:7:3" } };
    await expect(openReplica(place, {}, { from: [app.path] })).rejects.toThrow(
      'f.yml:7:3: unknown key "steam" of a replica of type nats: did you mean "stream"?',
    );
  });
});

describe("the scheme of a URL", () => {
  it.each([
    ["s3://b/p", "s3"],
    ["FILE:///x", "file"],
    ["git+ssh://x", "git+ssh"],
    ["/srv/app.db", undefined],
    ["c:\\db", undefined],
    ["app.db", undefined],
  ])("of %s is %s", (url, scheme) => {
    expect(schemeOf(url)).toBe(scheme);
  });
});

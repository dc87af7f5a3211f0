// What our packages stand on: every one is named by its bytes in the lockfile and in the bill of materials, no action of a
// workflow can be changed under us, and an audit that did not happen is not taken for a good one.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { repositoryRoot, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { auditVerdict, sbomArguments } from "../../run/supply.mjs";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly publishConfig?: { readonly provenance?: boolean };
}

const manifestAt = (file: string): Manifest => JSON.parse(fs.readFileSync(file, "utf8")) as Manifest;

function published(): string[] {
  const folder = path.join(repositoryRoot, "packages");
  return fs.readdirSync(folder).map((name) => path.join(folder, name, "package.json"));
}

/** Name and version of all that a package needs at run time, as it is installed here. */
function closure(manifest: string, found = new Set<string>(), visited = new Set<string>()): Set<string> {
  if (visited.has(manifest)) return found;
  visited.add(manifest);
  for (const name of Object.keys(manifestAt(manifest).dependencies ?? {})) {
    const file = manifestOf(name, fs.realpathSync(manifest));
    const { version } = manifestAt(file);
    found.add(`${name}@${version}`);
    closure(file, found, visited);
  }
  return found;
}

/** Found as Node does, since many packages export no package.json. */
function manifestOf(name: string, from: string): string {
  for (const folder of createRequire(from).resolve.paths(`${name}/package.json`) ?? []) {
    const file = path.join(folder, name, "package.json");
    if (fs.existsSync(file)) return fs.realpathSync(file);
  }
  throw new Error(`${name} is not installed for ${from}`);
}

describe("the lockfile", () => {
  const text = fs.readFileSync(path.join(repositoryRoot, "pnpm-lock.yaml"), "utf8");

  it("names every package by the SHA-512 of its bytes, and takes none from elsewhere than the registry", () => {
    const packages = text.slice(text.indexOf("\npackages:"), text.indexOf("\nsnapshots:"));
    const entries = packages.split(/\n  (?=\S)/).slice(1);
    expect(entries.length).toBeGreaterThan(300);
    for (const entry of entries) expect(entry).toMatch(/\n    resolution: \{integrity: sha512-[A-Za-z0-9+/]{86}==\}/);
  });

  it("is what an install takes, unchanged", () => {
    const task = fs.readFileSync(path.join(repositoryRoot, "tooling/run/task.mjs"), "utf8");
    expect(task).toContain('"--frozen-lockfile"');
    expect(fs.readFileSync(path.join(repositoryRoot, "pnpm-workspace.yaml"), "utf8")).toContain(
      "strictDepBuilds: true",
    );
  });
});

describe("the bill of materials", () => {
  it("lists every package that is needed at run time, with its bytes", { timeout: 60_000 }, () => {
    using folder = tempDir("sbom");
    const file = folder.join("sbom.json");
    const task = fs.readFileSync(path.join(repositoryRoot, "tooling/run/task.mjs"), "utf8");
    const pnpm = /const PNPM = "([^"]+)"/.exec(task)?.[1] ?? "";
    execFileSync("npx", ["-y", pnpm, ...sbomArguments(file)], { cwd: repositoryRoot, stdio: "pipe" });
    const { bomFormat, components } = JSON.parse(fs.readFileSync(file, "utf8")) as {
      bomFormat: string;
      components: { purl: string; externalReferences?: { hashes?: { alg: string }[] }[] }[];
    };
    expect(bomFormat).toBe("CycloneDX");
    const nameOf = (purl: string) => decodeURIComponent(purl.replace(/^pkg:npm\//, "").replace(/\?.*$/, ""));
    const listed = new Map(components.map((one) => [nameOf(one.purl), one]));
    const needed = new Set(published().flatMap((manifest) => [...closure(manifest)]));
    expect(needed.size).toBeGreaterThan(100);
    expect([...needed].filter((name) => !listed.has(name))).toEqual([]);
    const foreign = [...needed].filter((name) => !/^(?:@litewake\/|litewake@)/.test(name));
    expect(foreign.filter((name) => listed.get(name)?.externalReferences?.[0]?.hashes?.[0]?.alg !== "SHA-512")).toEqual(
      [],
    );
  });
});

describe("an audit", () => {
  it.each([
    [1, "Error: ERR_PNPM_AUDIT_BAD_RESPONSE", 3, /^audit: not available/],
    [1, "getaddrinfo ENOTFOUND registry.npmjs.org", 3, /^audit: not available/],
    [0, "No known vulnerabilities found", 0, /^audit: no known flaws/],
    [1, "1 vulnerabilities found", 1, /see above/],
    [null, "", 1, /see above/],
  ])("that ends with %j and %j", (status, output, code, line) => {
    const verdict = auditVerdict(status, output);
    expect(verdict.code).toBe(code);
    expect(verdict.line).toMatch(line);
  });
});

describe("a workflow", () => {
  const folder = path.join(repositoryRoot, ".github/workflows");

  it.each(fs.readdirSync(folder))("%s names its actions by their commits and may only read by default", (name) => {
    const text = fs.readFileSync(path.join(folder, name), "utf8");
    const uses = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    expect(text).toMatch(/^permissions:\n  contents: read\n/m);
  });

  it("publishes with provenance, which each package asks for too", () => {
    expect(fs.readFileSync(path.join(folder, "release.yml"), "utf8")).toMatch(/id-token: write[\s\S]*--provenance/);
    for (const file of published()) expect(manifestAt(file)).toMatchObject({ publishConfig: { provenance: true } });
  });
});

// The packages as tarballs, as a registry would have them, and empty folders that install them.
import fs from "node:fs";
import path from "node:path";
import { repositoryRoot, runToEnd, type TempDir, tempDir } from "@litewake-tooling/testkit";

const PNPM = "pnpm@12.21.0";
const INSTALL_MS = 4 * 60_000;

/** Folders below packages/ of what is published. */
export const published = ["core", "file", "s3", "gcs", "abs", "sftp", "conformance", "litewake"] as const;

export type Published = (typeof published)[number];

export interface Packs extends Disposable {
  /** The path of a package's tarball. */
  tarball(name: Published): string;
}

/** Packs all that is published, from what was built. */
export async function packAll(): Promise<Packs> {
  const folder = tempDir("packs");
  const made = new Map<string, string>();
  for (const name of published) {
    const cwd = path.join(repositoryRoot, "packages", name);
    const before = new Set(fs.readdirSync(folder.path));
    await must("npx", ["-y", PNPM, "pack", "--pack-destination", folder.path], cwd);
    const file = fs.readdirSync(folder.path).find((entry) => !before.has(entry));
    if (file === undefined) throw new Error(`packing ${name} made no tarball`);
    made.set(name, folder.join(file));
  }
  return {
    tarball(name) {
      const file = made.get(name);
      if (file === undefined) throw new Error(`${name} was not packed`);
      return file;
    },
    [Symbol.dispose]: () => folder.remove(),
  };
}

/** Installs tarballs with npm into an application's folder; what they need beside each other comes from the tarballs too. */
export async function installInto(folder: string, packs: Packs, names: readonly Published[]): Promise<void> {
  const file = path.join(folder, "package.json");
  const given = fs.existsSync(file)
    ? (JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, unknown>)
    : { name: "app", version: "1.0.0", type: "module" };
  const tarballs = Object.fromEntries(names.map((name) => [nameOf(name), `file:${packs.tarball(name)}`]));
  const dependencies = { ...(given["dependencies"] as object | undefined), ...tarballs };
  // Whatever depends on one of ours by version gets the tarball.
  fs.writeFileSync(
    file,
    JSON.stringify(
      { ...given, dependencies, devDependencies: withoutOurs(given["devDependencies"], tarballs), overrides: tarballs },
      null,
      2,
    ),
  );
  await must("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], folder);
}

function withoutOurs(dependencies: unknown, ours: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(dependencies ?? {}).filter(([name]) => !Object.hasOwn(ours, name)));
}

/** The name under which a package is published. */
export function nameOf(name: Published): string {
  return name === "litewake" ? "litewake" : `@litewake/${name}`;
}

/** An empty folder for an application. */
export function emptyApp(): TempDir {
  return tempDir("app");
}

async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(command, args, { cwd, timeoutMs: INSTALL_MS });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} in ${cwd} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

// Loads packages that may or may not be installed, wherever that was.
import fs from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { LitewakeError } from "@litewake/core";

/** Loads an optional package of ours or of a third party; undefined if it is not installed. */
export async function importPackage(
  name: string,
  from: readonly string[],
): Promise<Record<string, unknown> | undefined> {
  const file = resolvePackage(name, from);
  if (file === undefined) return undefined;
  try {
    return (await import(file)) as Record<string, unknown>;
  } catch (error) {
    throw new LitewakeError(
      "usage",
      `the package ${name} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
      {
        next: "install it again, with what it depends on",
        cause: error,
      },
    );
  }
}

/** From the application's folder first: with a strict package manager only what it depends on is visible there. */
function resolvePackage(name: string, from: readonly string[]): string | undefined {
  if (path.isAbsolute(name)) return pathToFileURL(name).href;
  if (name.startsWith(".")) {
    const files = from.map((folder) => path.resolve(folder, name));
    const file = files.find((candidate) => fs.existsSync(candidate));
    return file === undefined ? undefined : pathToFileURL(file).href;
  }
  for (const base of [
    ...from.map((folder) => pathToFileURL(path.join(folder, "package.json")).href),
    import.meta.url,
  ]) {
    const file = resolveFrom(name, base);
    if (file !== undefined) return pathToFileURL(file).href;
  }
  return undefined;
}

function resolveFrom(name: string, base: string): string | undefined {
  try {
    return createRequire(base).resolve(name);
  } catch (error) {
    // `require` does not see a package that is there for `import` only.
    const hidden = error instanceof Error && "code" in error && error.code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
    const manifest = hidden ? findPackageJSON(name, base) : undefined;
    if (manifest === undefined) return undefined;
    const { exports } = JSON.parse(fs.readFileSync(manifest, "utf8")) as { exports?: unknown };
    const entry = importEntry(exports);
    return entry === undefined ? undefined : path.resolve(path.dirname(manifest), entry);
  }
}

function importEntry(exports: unknown): string | undefined {
  if (typeof exports === "string") return exports;
  if (typeof exports !== "object" || exports === null) return undefined;
  const first = Object.entries(exports).find(([key]) => [".", "node", "import", "module", "default"].includes(key));
  return first === undefined ? undefined : importEntry(first[1]);
}

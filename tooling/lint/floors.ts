// The floors of the house: which room may stand on which. A file that imports from a room above it, or from beside it, is
// an error. Type imports count too: what a room knows of is what it stands on. `node tooling/lint/floors.ts` checks all.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const SQLITE = "node:sqlite";
const BACKENDS = ["file", "s3", "gcs", "abs", "sftp"];

/** Rooms of packages/core/src, from the ground up: the rooms, or single files of them, that each may import. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  backend: ["errors.ts", "secrets.ts"],
  wal: ["errors.ts"],
  codec: ["errors.ts"],
  replica: ["errors.ts", "logger.ts", "steps.ts", "wal/", "codec/", "backend/"],
  encryption: ["errors.ts", "codec/", "backend/", "replica/layout.ts"],
  database: ["errors.ts", "logger.ts", "steps.ts", "wal/", "replica/position.ts"],
  shipping: ["errors.ts", "logger.ts", "steps.ts", "wal/", "codec/", "backend/", "replica/", "database/"],
  restore: ["errors.ts", "logger.ts", "steps.ts", "wal/", "codec/", "backend/", "replica/"],
  verify: ["errors.ts", "logger.ts", "wal/", "codec/", "backend/", "replica/", "restore/"],
  drill: ["errors.ts", "logger.ts", "backend/", "replica/", "shipping/", "restore/"],
  fleet: [
    "errors.ts",
    "logger.ts",
    "steps.ts",
    "wal/",
    "codec/",
    "backend/",
    "replica/",
    "shipping/",
    "restore/",
    "verify/",
  ],
};

/** Who may open SQLite. */
const OPENS_SQLITE = [
  /^packages\/core\/src\/database\//,
  /^packages\/core\/src\/restore\/check[^/]*$/,
  /^packages\/core\/src\/fleet\/reshard\//,
  /^packages\/litewake\/src\//,
];

/** Modules of Node of which an import, at the start of every command, costs far more than their use. */
const LATE = ["node:http", "node:https", "node:tls"];

/** What is wrong with an import of `specifier` in `file` (a path from the repository's root), or undefined. */
export function violation(file: string, specifier: string, typesOnly = false): string | undefined {
  const [, name, inside = ""] = /^packages\/([^/]+)\/src\/(.*)$/.exec(file) ?? [];
  if (name === undefined) return undefined;
  if (LATE.includes(specifier) && !typesOnly) {
    return "an import reads all it exports, and with that loads undici: process.getBuiltinModule, where it is used";
  }
  if (specifier === SQLITE && !OPENS_SQLITE.some((place) => place.test(file))) {
    return "only core/database, core/restore's check, core/fleet/reshard and the command line open SQLite";
  }
  if (specifier.startsWith("@litewake-tooling/")) return "tools are for tests, not for sources";
  if (specifier.startsWith(".")) {
    const target = path.posix.join(path.posix.dirname(file), specifier);
    if (!target.startsWith(`packages/${name}/src/`)) return "a package's sources import nothing outside of them";
    if (/\.test\.[a-z]+$/.test(target)) return "sources never import a test";
    return name === "core" ? roomViolation(inside, target.slice("packages/core/src/".length)) : undefined;
  }
  if (specifier.startsWith("@litewake/")) return packageViolation(name, specifier);
  return undefined;
}

function roomViolation(from: string, to: string): string | undefined {
  const room = from.includes("/") ? from.slice(0, from.indexOf("/")) : undefined;
  // The faces at the top (index.ts, backend.ts, protocol.ts) show what lies below them.
  if (room === undefined) return undefined;
  const allowed = ROOMS[room];
  if (allowed === undefined) return `${room}/ has no place among the floors: give it one in tooling/lint/floors.ts`;
  const fits =
    to.startsWith(`${room}/`) || allowed.some((place) => (place.endsWith("/") ? to.startsWith(place) : to === place));
  return fits ? undefined : `${room}/ stands on ${allowed.join(", ")} only`;
}

function packageViolation(name: string, specifier: string): string | undefined {
  if (name === "core") return "core imports no other package of the house";
  const target = specifier.split("/")[1] ?? "";
  if (BACKENDS.includes(name)) {
    return specifier === "@litewake/core/backend" ? undefined : "a backend knows @litewake/core/backend only";
  }
  if (BACKENDS.includes(target)) return "backends are found at run time, by their scheme: never a static import";
  return undefined;
}

/** A static import or re-export of a source. */
export interface Import {
  readonly specifier: string;
  /** From 1. */
  readonly line: number;
  /** `import type`: nothing of it is there at run time. */
  readonly typesOnly: boolean;
}

export function imports(source: string): Import[] {
  const pattern = /^\s*(?:import|export)\b(\s*type\b)?(?:[^;"'`]*?\bfrom)?\s*["']([^"']+)["']/gm;
  return [...source.matchAll(pattern)].map((match) => ({
    specifier: match[2] ?? "",
    typesOnly: match[1] !== undefined,
    line: source.slice(0, match.index + match[0].length).split("\n").length,
  }));
}

/** All violations under `root`, as "file:line: what". */
export function check(root: string): string[] {
  const found: string[] = [];
  for (const pkg of fs.readdirSync(path.join(root, "packages"))) {
    const folder = path.join(root, "packages", pkg, "src");
    if (!fs.existsSync(folder)) continue;
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
      const full = path.join(entry.parentPath, entry.name);
      const file = path.relative(root, full).split(path.sep).join("/");
      for (const { specifier, line, typesOnly } of imports(fs.readFileSync(full, "utf8"))) {
        const what = violation(file, specifier, typesOnly);
        if (what !== undefined) found.push(`${file}:${line}: imports ${specifier}: ${what}`);
      }
    }
  }
  return found;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const found = check(path.resolve(import.meta.dirname, "../.."));
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}

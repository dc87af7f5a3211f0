// Finds the backend of a replica at run time: only what is used needs to be installed, and nothing is loaded before.
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { LitewakeError } from "@litewake/core";
import type { Backend, ReplicaClient, SettingValue } from "@litewake/core/backend";
import { likely } from "./config/likely.ts";

/** Our own packages, by `type:` in the configuration and by URL scheme. */
const PACKAGES: Readonly<Record<string, string>> = {
  file: "@litewake/file",
  s3: "@litewake/s3",
  gcs: "@litewake/gcs",
  gs: "@litewake/gcs",
  abs: "@litewake/abs",
  sftp: "@litewake/sftp",
};

export interface BackendLoading {
  /** Packages of third parties, by type or scheme. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Backends handed in by the application; they win over installed ones. */
  readonly given?: readonly Backend[];
  /** Packages are looked for from here first, then beside Litewake itself. */
  readonly from?: string;
}

export interface ReplicaPlace {
  readonly type: string;
  readonly url: string | undefined;
  readonly settings: Readonly<Record<string, SettingValue>>;
}

/** Opens a client for a replica. Throws one line when its package is missing or the place makes no sense. */
export async function openReplica(
  place: ReplicaPlace,
  env: Readonly<Record<string, string | undefined>>,
  loading: BackendLoading = {},
): Promise<ReplicaClient> {
  const backend = await loadBackend(place.type, loading);
  return backend.open({ url: place.url, settings: place.settings, env });
}

/** The scheme of a URL, lower case; `undefined` where there is none. */
export function schemeOf(url: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1]?.toLowerCase();
}

async function loadBackend(type: string, loading: BackendLoading): Promise<Backend> {
  const given = (loading.given ?? []).find((backend) => backend.type === type || backend.schemes.includes(type));
  if (given !== undefined) return given;
  const named = loading.packages?.[type] ?? PACKAGES[type];
  const name = named ?? `litewake-${type}`;
  const module = await importPackage(name, loading.from ?? process.cwd());
  if (module === undefined) throw named === undefined ? unknownType(type) : missingPackage(type, name);
  const backend = Object.values(module).find((value) => isBackend(value) && (value.type === type || value.schemes.includes(type)));
  if (!isBackend(backend)) {
    throw new LitewakeError("usage", `the package ${name} exports no backend for ${type}`, {
      next: `it must export an object with type or schemes ${JSON.stringify(type)} and open()`,
    });
  }
  return backend;
}

function isBackend(value: unknown): value is Backend {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    "schemes" in value &&
    Array.isArray(value.schemes) &&
    "open" in value &&
    typeof value.open === "function"
  );
}

async function importPackage(name: string, from: string): Promise<Record<string, unknown> | undefined> {
  const file = resolvePackage(name, from);
  return file === undefined ? undefined : ((await import(file)) as Record<string, unknown>);
}

/** From the application's folder first: with a strict package manager only what it depends on is visible there. */
function resolvePackage(name: string, from: string): string | undefined {
  if (name.startsWith(".") || path.isAbsolute(name)) return pathToFileURL(path.resolve(from, name)).href;
  for (const base of [path.join(from, "package.json"), import.meta.url]) {
    try {
      return pathToFileURL(createRequire(base).resolve(name)).href;
    } catch {
      // Not there: look in the next place.
    }
  }
  try {
    return import.meta.resolve(name);
  } catch {
    return undefined;
  }
}

function missingPackage(type: string, name: string): LitewakeError {
  return new LitewakeError("usage", `${type}:// needs the package ${name}`, { next: `npm install ${name}` });
}

function unknownType(type: string): LitewakeError {
  const known = Object.keys(PACKAGES);
  const meant = likely(type, known);
  return new LitewakeError("usage", `${type}:// is no kind of replica that is known here`, {
    next: meant === undefined ? `known: ${known.join(", ")}; or npm install litewake-${type}` : `did you mean ${meant}://?`,
  });
}

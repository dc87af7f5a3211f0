// Finds the backend of a replica at run time: only what is used needs to be installed, and nothing is loaded before.
import { LitewakeError, unencrypted } from "@litewake/core";
import type { Backend, ReplicaClient, SettingValue } from "@litewake/core/backend";
import type { AgeKeys } from "@litewake/core/encryption";
import type { AgeConfig } from "./config/config.ts";
import { likely } from "./config/likely.ts";
import { importPackage } from "./import-package.ts";

/** Our own packages, by `type:` in the configuration and by URL scheme. */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ["file", "@litewake/file"],
  ["s3", "@litewake/s3"],
  ["gcs", "@litewake/gcs"],
  ["gs", "@litewake/gcs"],
  ["abs", "@litewake/abs"],
  ["sftp", "@litewake/sftp"],
]);
/** What one may call a replica where one of ours was meant. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["azure", "abs"],
  ["azblob", "abs"],
  ["google", "gcs"],
  ["ssh", "sftp"],
  ["minio", "s3"],
  ["local", "file"],
]);

export interface BackendLoading {
  /** Packages of third parties, by type or scheme. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Backends handed in by the application; they win over installed ones. */
  readonly given?: readonly Backend[];
  /** Folders from which packages are looked for first (default: the working directory), then beside Litewake itself. */
  readonly from?: readonly string[];
  /** Told of the keys of a replica that is encrypted. */
  readonly onKeys?: (keys: AgeKeys) => void | Promise<void>;
}

export interface ReplicaPlace {
  readonly type: string;
  readonly url: string | undefined;
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** Where a setting stands (`file:line:column`), for messages. */
  readonly places?: Readonly<Record<string, string>>;
  /** What is stored is encrypted, and what is read must be. */
  readonly age?: AgeConfig | undefined;
}

/** Opens a client for a replica. Throws one line when its package is missing or the place makes no sense. */
export async function openReplica(
  place: ReplicaPlace,
  env: Readonly<Record<string, string | undefined>>,
  loading: BackendLoading = {},
): Promise<ReplicaClient> {
  const backend = await loadBackend(place.type, loading);
  for (const key of Object.keys(place.settings)) {
    if (!backend.settings.includes(key)) throw unknownSetting(place, key, backend);
  }
  const open = (): Promise<ReplicaClient> => backend.open({ url: place.url, settings: place.settings, env });
  if (place.age === undefined) return unencrypted(await open());
  const { ageKeys, encryptedWith } = await import("./age.ts");
  const keys = await ageKeys(place.age, loading.from ?? [process.cwd()]);
  await loading.onKeys?.(keys);
  return encryptedWith(await open(), keys);
}

function unknownSetting({ places, type }: ReplicaPlace, key: string, backend: Backend): LitewakeError {
  const where = places?.[key] === undefined ? "" : `${places[key]}: `;
  const meant = likely(key, backend.settings);
  return new LitewakeError("usage", `${where}unknown key ${JSON.stringify(key)} of a replica of type ${type}`, {
    next: meant === undefined ? `known keys: ${backend.settings.join(", ")}` : `did you mean ${JSON.stringify(meant)}?`,
  });
}

/** The scheme of a URL, lower case; `undefined` where there is none. */
export function schemeOf(url: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1]?.toLowerCase();
}

/** The backend for a type or scheme. Throws one line when its package is missing or holds none. */
export async function loadBackend(type: string, loading: BackendLoading = {}): Promise<Backend> {
  const given = (loading.given ?? []).find((backend) => fits(backend, type));
  if (given !== undefined) return given;
  const packages = loading.packages ?? {};
  const named = (Object.hasOwn(packages, type) ? packages[type] : undefined) ?? PACKAGES.get(type);
  const name = named ?? `litewake-${type}`;
  const module = await importPackage(name, loading.from ?? [process.cwd()]);
  if (module === undefined) throw named === undefined ? unknownType(type) : missingPackage(type, name);
  const backend = Object.values(module).find((value) => isBackend(value) && fits(value, type));
  if (!isBackend(backend)) {
    throw new LitewakeError("usage", `the package ${name} exports no backend for ${type}`, {
      next: `it must export an object with type or schemes ${JSON.stringify(type)}, settings and open()`,
    });
  }
  return backend;
}

function fits(backend: Backend, type: string): boolean {
  return backend.type === type || backend.schemes.includes(type);
}

function isBackend(value: unknown): value is Backend {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    "schemes" in value &&
    Array.isArray(value.schemes) &&
    "settings" in value &&
    Array.isArray(value.settings) &&
    "open" in value &&
    typeof value.open === "function"
  );
}

function missingPackage(type: string, name: string): LitewakeError {
  return new LitewakeError("usage", `${type}:// needs the package ${name}`, { next: `npm install ${name}` });
}

function unknownType(type: string): LitewakeError {
  const known = [...PACKAGES.keys()];
  const meant = ALIASES.get(type) ?? likely(type, known);
  return new LitewakeError("usage", `${type}:// is no kind of replica that is known here`, {
    next:
      meant === undefined
        ? `known: ${known.filter((name) => name !== "gs").join(", ")}; or npm install litewake-${type}`
        : `did you mean ${meant}://?`,
  });
}

// What a command line points at: a URL, or a database of the configuration with its replicas.
import fs from "node:fs";
import { LitewakeError } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { type BackendLoading, loadBackend, openReplica, schemeOf } from "../backends.ts";
import type { Config, DatabaseConfig, FleetConfig, ReplicaConfig } from "../config/config.ts";
import { REPLICA_DEFAULTS } from "../config/config.ts";
import { absolute } from "../config/absolute.ts";
import { ageOfCommandLine } from "../config/read-age.ts";
import { canonicalType, UnknownSetting } from "../config/read-replica.ts";
import { note } from "./command.ts";
import { lineOf } from "./exit-code.ts";
import type { FlagSpecs, ParsedArguments } from "./flags.ts";

export const CONFIG_FLAGS: FlagSpecs = {
  config: {
    kind: "string",
    value: "PATH",
    help: "the configuration file (default /etc/litewake.yml, then /etc/litestream.yml)",
  },
  "no-expand-env": { kind: "boolean", help: "leave $VAR in the configuration file as it is" },
};

/** Of commands that read what is stored, or store something. */
export const AGE_FLAG: FlagSpecs = {
  "age-identity": {
    kind: "string",
    value: "FILE",
    help: "secret keys of age, as age-keygen writes them (default: the configuration's, LITEWAKE_AGE_IDENTITY)",
  },
};

/** A replica that was opened, and the database it belongs to where that is known. */
export interface OpenReplica {
  readonly name: string;
  readonly client: ReplicaClient;
  readonly database: string | undefined;
}

export function isUrl(text: string): boolean {
  return schemeOf(text) !== undefined;
}

function configPath(flags: ParsedArguments): { file: string; chosen: boolean } {
  const { env } = process;
  const given = flags.string("config") ?? env["LITEWAKE_CONFIG"] ?? env["LITESTREAM_CONFIG"];
  if (given !== undefined && given !== "") return { file: absolute(given, { cwd: process.cwd(), env }), chosen: true };
  return { file: fs.existsSync("/etc/litewake.yml") ? "/etc/litewake.yml" : "/etc/litestream.yml", chosen: false };
}

/** Path of the configuration that the flags and the environment name. */
export function configFile(flags: ParsedArguments): string {
  return configPath(flags).file;
}

/** Reads the configuration that the flags and the environment name. */
export async function loadConfig(flags: ParsedArguments): Promise<Config> {
  const { file, chosen } = configPath(flags);
  const text = readText(file, chosen);
  // A third of all modules are YAML's; a command with a URL has no use for them.
  const { readConfig } = await import("../config/read-config.ts");
  const moreSettings: Record<string, readonly string[]> = {};
  for (;;) {
    try {
      return readConfig({
        file,
        text,
        env: process.env,
        expandEnv: !flags.boolean("no-expand-env"),
        cwd: process.cwd(),
        moreSettings,
        ageIdentity: flags.string("age-identity"),
      });
    } catch (error) {
      if (!(error instanceof UnknownSetting) || Object.hasOwn(moreSettings, error.type)) throw error;
      // A backend newer than this program may have settings of its own: ask it, if it is there.
      const backend = await loadBackend(error.type).catch(() => undefined);
      if (backend === undefined) throw error;
      moreSettings[error.type] = backend.settings;
    }
  }
}

function readText(file: string, chosen: boolean): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const what =
      code === "ENOENT" ? "does not exist" : code === "EISDIR" ? "is a folder" : `cannot be read (${String(code)})`;
    throw new LitewakeError("usage", `configuration file ${file} ${what}`, {
      next: chosen
        ? "check the path of -config, or LITEWAKE_CONFIG"
        : "name one with -config, or give a database and a URL",
      cause: error,
    });
  }
}

/** The configuration, which must be of a fleet. */
export async function fleetOf(
  flags: ParsedArguments,
): Promise<{ readonly config: Config; readonly fleet: FleetConfig }> {
  const config = await loadConfig(flags);
  if (config.fleet !== undefined) return { config, fleet: config.fleet };
  throw new LitewakeError("usage", "restore points are of a fleet", { next: "give -config with a replication: block" });
}

/** The database of the configuration that a path on the command line means. */
export function databaseIn(config: Config, given: string): DatabaseConfig {
  const wanted = absolute(given, { cwd: process.cwd(), env: process.env });
  const found = config.databases.find((database) => database.path === wanted);
  if (found === undefined) {
    throw new LitewakeError("usage", `${wanted} is not in the configuration`, {
      next: `it has ${config.databases.map((database) => database.path).join(", ") || "no databases"}`,
    });
  }
  return found;
}

/** A replica entry for a URL on the command line. */
export function replicaOfUrl(url: string, flags: ParsedArguments): ReplicaConfig {
  const type = canonicalType(schemeOf(url) ?? "file");
  const context = { cwd: process.cwd(), env: process.env, ageIdentity: flags.string("age-identity") };
  return { name: type, type, url, settings: {}, places: {}, age: ageOfCommandLine(context), ...REPLICA_DEFAULTS };
}

export async function openConfigured(
  replica: ReplicaConfig,
  config?: Config,
  onKeys?: BackendLoading["onKeys"],
): Promise<ReplicaClient> {
  return openReplica(replica, process.env, { ...loadingOf(config), ...(onKeys === undefined ? {} : { onKeys }) });
}

/** Where packages are looked for, and which are named. */
export function loadingOf(config: Config | undefined): BackendLoading {
  const folders = [config?.folder, process.cwd()].filter((folder) => folder !== undefined);
  return { packages: config?.backends ?? {}, from: folders };
}

/** What the one argument of a listing or restore means. */
export interface Target {
  /** `undefined` for a URL. */
  readonly database: string | undefined;
  readonly replicas: readonly ReplicaConfig[];
  readonly config: Config | undefined;
}

/** Opens nothing. `-replica` picks one of a database's replicas. */
export async function targetOf(flags: ParsedArguments, argument: string): Promise<Target> {
  const wanted = flags.string("replica");
  if (isUrl(argument)) {
    if (flags.string("config") !== undefined) {
      throw new LitewakeError("usage", "a replica URL and -config cannot stand together", {
        next: "name the database instead, or leave -config out",
      });
    }
    if (wanted !== undefined)
      throw new LitewakeError("usage", "-replica needs a database of the configuration, not a URL");
    return { database: undefined, replicas: [replicaOfUrl(argument, flags)], config: undefined };
  }
  const config = await loadConfig(flags);
  const database = databaseIn(config, argument);
  const replicas = database.replicas.filter((replica) => wanted === undefined || replica.name === wanted);
  if (replicas.length === 0) {
    throw new LitewakeError("usage", `${database.path} has no replica named ${JSON.stringify(wanted)}`, {
      next: `it has ${database.replicas.map((replica) => replica.name).join(", ")}`,
    });
  }
  return { database: database.path, replicas, config };
}

/** Opens every replica; one that cannot be opened is named on standard error. Throws when there is none left. */
export async function openTarget({ replicas, database, config }: Target): Promise<OpenReplica[]> {
  const opened: OpenReplica[] = [];
  let failure: unknown;
  for (const replica of replicas) {
    try {
      opened.push({ name: replica.name, client: await openConfigured(replica, config), database });
    } catch (error) {
      failure ??= error;
      if (replicas.length > 1) note(`litewake: replica ${replica.name}: ${lineOf(error)}`);
    }
  }
  if (opened.length === 0 && failure !== undefined) throw failure;
  return opened;
}

/** The one argument that a command takes. */
export function oneArgument(flags: ParsedArguments, command: string): string {
  const [argument, ...more] = flags.positional;
  if (argument === undefined || more.length > 0) {
    throw new LitewakeError(
      "usage",
      argument === undefined ? `${command} needs a database or a replica URL` : `too many arguments: ${more.join(" ")}`,
      {
        next: `litewake ${command} -h`,
      },
    );
  }
  return argument;
}

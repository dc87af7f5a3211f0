// What a command line points at: a URL, or a database of the configuration with its replicas.
import fs from "node:fs";
import { LitewakeError } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { openReplica, schemeOf } from "../backends.ts";
import type { Config, DatabaseConfig, ReplicaConfig } from "../config/config.ts";
import { REPLICA_DEFAULTS } from "../config/config.ts";
import { absolute, readConfig } from "../config/read-config.ts";
import type { FlagSpecs, ParsedArguments } from "./flags.ts";

export const CONFIG_FLAGS: FlagSpecs = {
  config: { kind: "string", value: "PATH", help: "the configuration file (default /etc/litewake.yml, then /etc/litestream.yml)" },
  "no-expand-env": { kind: "boolean", help: "leave $VAR in the configuration file as it is" },
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

/** Reads the configuration that the flags and the environment name. */
export function loadConfig(flags: ParsedArguments): Config {
  const { file, chosen } = configPath(flags);
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new LitewakeError("usage", `configuration file ${file} ${missing ? "does not exist" : "cannot be read"}`, {
      next: chosen ? "check the path after -config" : "name one with -config, or give a database and a URL",
      cause: error,
    });
  }
  return readConfig({ file, text, env: process.env, expandEnv: !flags.boolean("no-expand-env"), cwd: process.cwd() });
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
export function replicaOfUrl(url: string): ReplicaConfig {
  const type = schemeOf(url) ?? "file";
  return { name: type, type, url, settings: {}, ...REPLICA_DEFAULTS };
}

export async function openConfigured(replica: ReplicaConfig, config?: Config): Promise<ReplicaClient> {
  return openReplica(replica, process.env, { packages: config?.backends ?? {} });
}

/** The replicas that the one argument of a listing or restore means; `-replica` picks one. */
export async function openReplicas(flags: ParsedArguments, argument: string): Promise<OpenReplica[]> {
  const wanted = flags.string("replica");
  if (isUrl(argument)) {
    if (flags.string("config") !== undefined) {
      throw new LitewakeError("usage", "a replica URL and -config cannot stand together", { next: "name the database instead, or leave -config out" });
    }
    if (wanted !== undefined) throw new LitewakeError("usage", "-replica needs a database of the configuration, not a URL");
    const replica = replicaOfUrl(argument);
    return [{ name: replica.name, client: await openConfigured(replica), database: undefined }];
  }
  const config = loadConfig(flags);
  const database = databaseIn(config, argument);
  const replicas = database.replicas.filter((replica) => wanted === undefined || replica.name === wanted);
  if (replicas.length === 0) {
    throw new LitewakeError("usage", `${database.path} has no replica named ${JSON.stringify(wanted)}`, {
      next: `it has ${database.replicas.map((replica) => replica.name).join(", ")}`,
    });
  }
  return Promise.all(
    replicas.map(async (replica) => ({ name: replica.name, client: await openConfigured(replica, config), database: database.path })),
  );
}

/** The one argument that a command takes. */
export function oneArgument(flags: ParsedArguments, command: string): string {
  const [argument, ...more] = flags.positional;
  if (argument === undefined || more.length > 0) {
    throw new LitewakeError("usage", argument === undefined ? `${command} needs a database or a replica URL` : `too many arguments: ${more.join(" ")}`, {
      next: `litewake ${command} -h`,
    });
  }
  return argument;
}

// `litewake replicate`: follows databases and ships what they commit, until it is told to stop.
import fs from "node:fs";
import { type DatabaseReplication, LitewakeError, Replication } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import type { Config, DatabaseConfig } from "../../config/config.ts";
import { DEFAULT_LOGGING } from "../../config/config.ts";
import { absolute } from "../../config/read-config.ts";
import { Child } from "../child.ts";
import type { Command } from "../command.ts";
import { EXIT_TAIL_NOT_DURABLE, exitCodeOf, lineOf } from "../exit-code.ts";
import type { ParsedArguments } from "../flags.ts";
import { createLogger } from "../log.ts";
import { shellWords } from "../shell-words.ts";
import { StopSignals } from "../stop-signals.ts";
import { CONFIG_FLAGS, isUrl, loadConfig, openConfigured, replicaOfUrl } from "../targets.ts";

/** The last sync may take so long. */
const STOP_DEADLINE_MS = 30_000;

/** The configuration that the arguments stand for: `DB URL…`, or the file's. */
async function configOf(flags: ParsedArguments): Promise<Config> {
  const [database, ...urls] = flags.positional;
  if (database === undefined) return loadConfig(flags);
  if (flags.string("config") !== undefined) {
    throw new LitewakeError("usage", "a database and -config cannot stand together", { next: "give a database with its URLs, or the file" });
  }
  if (isUrl(database)) {
    throw new LitewakeError("usage", "a URL stands where the database was expected", { next: "litewake replicate DB_PATH REPLICA_URL" });
  }
  if (urls.length === 0) throw new LitewakeError("usage", "a database needs at least one replica URL", { next: "litewake replicate DB_PATH REPLICA_URL" });
  const replicas = urls.map((url) => {
    if (!isUrl(url)) throw new LitewakeError("usage", `${url} is no URL`, { next: "write it as file:///path, s3://bucket/path, …" });
    return replicaOfUrl(url);
  });
  const names = replicas.map((replica) => replica.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new LitewakeError("usage", `two replicas of type ${twice}`, { next: "name each in a configuration file" });
  const path = absolute(database, { cwd: process.cwd(), env: process.env });
  return {
    folder: undefined,
    databases: [{ path, metaPath: undefined, maxWalBytes: undefined, sealed: true, replicas }],
    exec: undefined,
    logging: DEFAULT_LOGGING,
    backends: {},
    warnings: [],
  };
}

async function replicationOf(database: DatabaseConfig, config: Config, clients: ReplicaClient[]): Promise<DatabaseReplication> {
  const replicas = await Promise.all(
    database.replicas.map(async (replica) => {
      const client = await openConfigured(replica, config);
      clients.push(client);
      const { name, syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs } = replica;
      return { name, client, syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs };
    }),
  );
  return {
    path: database.path,
    metaPath: database.metaPath,
    maxWalBytes: database.maxWalBytes,
    replicas,
    ...(database.sealed ? {} : { tuning: { sealFromBytes: Number.POSITIVE_INFINITY } }),
  };
}

async function run(flags: ParsedArguments): Promise<number> {
  const once = flags.boolean("once");
  if (once && flags.string("exec") !== undefined) throw new LitewakeError("usage", "-once and -exec cannot stand together", { next: "keep one of them" });
  const config = await configOf(flags);
  if (config.databases.length === 0) throw new LitewakeError("usage", "there is no database to replicate", { next: "add one under `dbs:`" });
  // Following waits for a database that is not there yet; a single run has nothing to wait for.
  const missing = once ? config.databases.find(({ path }) => !fs.existsSync(path)) : undefined;
  if (missing !== undefined) throw new LitewakeError("database", `${missing.path} does not exist`, { next: "check the path" });
  const logger = createLogger(config.logging);
  for (const warning of config.warnings) logger("warn", warning);
  // Split before anything starts: an open quote is a mistake of the command line.
  const exec = shellWords(flags.string("exec") ?? config.exec ?? "");
  const clients: ReplicaClient[] = [];
  using signals = new StopSignals(logger);
  try {
    const databases = await Promise.all(config.databases.map((database) => replicationOf(database, config, clients)));
    const starting = Replication.start({ databases, logger, newHistory: flags.boolean("new-history") });
    const replication = await Promise.race([starting, signals.hurried]);
    if (once) return await finish(replication, signals, 0);
    return exec.length === 0 ? await untilStopped(replication, signals) : await besideChild(replication, signals, exec);
  } catch (error) {
    if (!signals.hurry.aborted) throw error;
    process.stderr.write(`litewake: ${lineOf(error)}\n`);
    return signals.code;
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
  }
}

async function untilStopped(replication: Replication, signals: StopSignals): Promise<number> {
  await Promise.race([signals.first, replication.givenUp]);
  return finish(replication, signals, 0);
}

async function besideChild(replication: Replication, signals: StopSignals, exec: readonly string[]): Promise<number> {
  if (signals.received !== undefined) return finish(replication, signals, 0);
  let child: Child;
  try {
    child = await Child.start(exec);
  } catch (error) {
    await replication.stop();
    throw error;
  }
  signals.forwardTo(child);
  const { code } = await child.ended;
  return finish(replication, signals, code);
}

/** The last sync runs whatever the child's end was; then the child's code is ours. */
async function finish(replication: Replication, signals: StopSignals, code: number): Promise<number> {
  const deadline = AbortSignal.any([AbortSignal.timeout(STOP_DEADLINE_MS), signals.hurry]);
  try {
    await replication.stop({ signal: deadline });
    if (replication.failure !== undefined) throw replication.failure;
    return signals.hurry.aborted ? signals.code : code;
  } catch (error) {
    process.stderr.write(`litewake: ${lineOf(error)}\n`);
    if (signals.hurry.aborted) return signals.code;
    if (code !== 0) return code;
    return error instanceof LitewakeError && error.kind === "unreachable" ? EXIT_TAIL_NOT_DURABLE : exitCodeOf(error);
  }
}

export const replicate: Command = {
  usage: ["replicate [flags]", "replicate [flags] DB_PATH REPLICA_URL..."],
  flags: {
    ...CONFIG_FLAGS,
    exec: { kind: "string", value: "COMMAND", help: "run this beside replication; end with its exit code after a last sync" },
    once: { kind: "boolean", help: "ship what is there and end" },
    "new-history": { kind: "boolean", help: "begin a new generation even if the database is empty or older than the replica" },
  },
  notes:
    "SIGINT or SIGTERM ships what is left (for up to 30 s) and ends; a second one ends at once.\n" +
    "Exit code 74: the end was orderly, but the last commits could not be shipped; they stay in the WAL.",
  run,
};
